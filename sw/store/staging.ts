import {
  createLeafBuilder,
  createRootBuilder,
  emptyRoot,
  joinRoots,
  type BuiltLeaf,
  type ParsedRecord,
} from './leaf-builder.ts';
import type { Database, WriteTransaction } from './database.ts';
import type { BoundedRoot, HeadRow, SegmentRef, SegmentRow } from './base-rows.ts';
import type { JournalRow, StagedRow } from './run-rows.ts';
import { takeNumbers } from './meta.ts';
import { packRecords } from './packed.ts';
import { isPart, putRoot } from './roots.ts';
import type { Table } from './schema.ts';
import { isWholeGround } from './cursor-ground.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { RunMode } from '../protocol/run.ts';

const leavesInTransaction = 16;
/** While pages ask: a read waits for the transaction that is under way. */
const leavesBetweenReads = 2;
const recordsInSegment = 4096;

/** What came since an older copy: the newest of each record, or null where it is gone. */
export type Overlay = Map<RecordKey, ParsedRecord | null>;

/** A segment's row from an overlay. */
export function segmentOf(overlay: Overlay): SegmentRow {
  const records: ParsedRecord[] = [];
  const removed: RecordKey[] = [];
  for (const [key, record] of overlay) {
    if (record === null) removed.push(key);
    else records.push(record);
  }
  records.sort((a, b) => compareKeys(a.key, b.key));
  return { ...packRecords(records), removed: removed.sort(compareKeys) };
}

/**
 * Writes a table's download beside what is there (SPEC L-1). Every piece is stored together with how far the download has
 * come, so that a worker that starts after this one was stopped goes on behind the last stored piece.
 */
export interface Staging {
  readonly row: StagedRow;
  /** Whether the records of a full download are yet to come, or the rest of them: else `addChanges` takes all. */
  readonly takesAll: boolean;
  /** Records of a full download, in key order; what is out of order is kept as a segment. */
  addRecords(records: readonly ParsedRecord[]): Promise<void>;
  /** Records and removals that came since the snapshot, or since the cursor. */
  addChanges(records: readonly ParsedRecord[], removals: readonly RecordKey[]): Promise<void>;
  /** Settles when nothing is being written any more, however that ended: a run must not end before. */
  settled(): Promise<void>;
  /** Stores what is left and the end mark. After this the table is ready for the switch. */
  end(end: NonNullable<StagedRow['end']>): Promise<void>;
}

export interface StagingOptions {
  readonly database: Database;
  readonly table: Table;
  readonly row: StagedRow;
  /** The journal's row as it is now: stored with every piece. */
  readonly journal: () => JournalRow;
  /** What `readStagedRoot` gave. */
  readonly root: BoundedRoot;
  /** Whether pages ask for something just now. @default never */
  readonly isAsked?: () => boolean;
}

/** The cursor up to which an earlier run had the table complete; null: none had. Rows of older builds say so by their end alone. */
export function completeTo({ completeTo: cursor, end }: StagedRow): string | null {
  return cursor === undefined ? (end?.cursor ?? null) : cursor;
}

/** What is staged, to go on with an answer that was asked for just now: it has all that was acknowledged before. */
export function goOnStaging(head: HeadRow, row: StagedRow): StagedRow {
  const replaced = head.segments.map((segment) => segment.id);
  return { ...row, completeTo: completeTo(row), end: null, replaced };
}

/** Opens the row under which a table is staged; one transaction takes its number. */
export function openStaging(
  database: Database,
  head: HeadRow,
  options: { readonly full: boolean; readonly snapshot: string; readonly ground?: string },
): Promise<StagedRow> {
  const work = async (tx: WriteTransaction): Promise<StagedRow> => {
    const row: StagedRow = {
      id: `staged:${head.table}`,
      table: head.table,
      generation: await takeNumbers(tx, 'number', 1),
      full: options.full,
      snapshot: options.snapshot,
      leaves: 0,
      lastKey: null,
      segments: [],
      replaced: head.segments.map((segment) => segment.id),
      downloaded: 0,
      removed: 0,
      end: null,
      refused: false,
      headGeneration: head.generation,
      completeTo: null,
      ...(options.ground === undefined ? {} : { ground: options.ground }),
    };
    await tx.objectStore('runs').put(row);
    return row;
  };
  // As all that is staged: it can be begun anew, and a download of many tables would wait for the disk with each.
  return database.write(['runs', 'meta'], work, { durability: 'relaxed' });
}

function partsOf({ table, generation }: StagedRow): IDBKeyRange {
  return IDBKeyRange.bound([table, generation, 0], [table, generation, Infinity]);
}

/** The root of what is stored of a full download that goes on. */
export async function readStagedRoot(database: Database, row: StagedRow): Promise<BoundedRoot> {
  if (row.leaves === 0) return emptyRoot;
  const parts = await database.read(['roots'], (tx) => tx.objectStore('roots').getAll(partsOf(row)));
  return joinRoots(parts.filter(isPart));
}

export function createStaging(options: StagingOptions): Staging {
  const { database, table, row: opened, journal, isAsked = () => false } = options;
  const takesAll = opened.full && completeTo(opened) === null;
  let row = opened;
  const leaves = createLeafBuilder(table);
  const root = createRootBuilder(table, options.root);
  let waiting: BuiltLeaf[] = [];
  let overlay: Overlay = new Map();
  let lastKey = opened.lastKey;
  let downloaded = opened.downloaded;
  let removed = opened.removed;

  let writing: Promise<void> = Promise.resolve();

  /** One piece is built while the one before it is written: settles when that one is stored, and rejects if it was not. */
  const store = (end: StagedRow['end'] = null): Promise<void> => {
    const before = writing;
    const built = waiting;
    waiting = [];
    const segment = overlay;
    overlay = new Map();
    const done = { downloaded, removed, end };
    writing = before.then(() => write(built, segment, done));
    // Whoever stores next, or ends, gets the error.
    writing.catch(() => undefined);
    return before;
  };

  const write = async (
    built: readonly BuiltLeaf[],
    segment: Overlay,
    done: Pick<StagedRow, 'downloaded' | 'removed' | 'end'>,
  ): Promise<void> => {
    const firstNumber = row.leaves;
    const part = createRootBuilder(table);
    built.forEach((leaf, index) => {
      root.addLeaf(row.generation, firstNumber + index, leaf);
      part.addLeaf(row.generation, firstNumber + index, leaf);
    });
    let next = row;
    // What is staged can be downloaded again; the switch is strict, and orders what came before it.
    await database.write(
      ['leaves', 'vectors', 'segments', 'runs', 'meta', 'roots'],
      async (tx) => {
        const writes: Promise<unknown>[] = [];
        built.forEach((leaf, index) => {
          const key: [string, number, number] = [table.name, row.generation, firstNumber + index];
          writes.push(tx.objectStore('leaves').put(leaf.packed, key));
          if (table.columns.size > 0) writes.push(tx.objectStore('vectors').put(leaf.vectors, key));
        });
        const segments = [...row.segments];
        if (segment.size > 0) {
          const id = await takeNumbers(tx, 'number', 1);
          const value = segmentOf(segment);
          segments.push({ id, records: value.keys.length, removals: value.removed.length });
          writes.push(tx.objectStore('segments').put(value, [table.name, id]));
        }
        const storedLast = built.at(-1)?.packed.keys.at(-1) ?? row.lastKey;
        next = { ...row, leaves: firstNumber + built.length, segments, lastKey: storedLast, ...done };
        if (done.end !== null) next = { ...next, completeTo: null };
        // The root is written before the switch, so that the switch writes heads only.
        const roots = tx.objectStore('roots');
        if (done.end !== null && takesAll) {
          writes.push(roots.delete(partsOf(row)), putRoot(tx, [row.table, row.generation], root.root()));
        } else if (built.length > 0) writes.push(roots.put(part.root(), [row.table, row.generation, firstNumber]));
        writes.push(tx.objectStore('runs').put(next), tx.objectStore('runs').put(journal()));
        await Promise.all(writes);
      },
      { durability: 'relaxed' },
    );
    row = next;
  };

  const take = async (leaf: BuiltLeaf | null): Promise<void> => {
    if (leaf !== null) waiting.push(leaf);
    const most = isAsked() ? leavesBetweenReads : leavesInTransaction;
    if (waiting.length >= most || overlay.size >= recordsInSegment) await store();
  };

  return {
    get row() {
      return row;
    },
    takesAll,
    addRecords: async (records) => {
      for (const record of records) {
        downloaded += 1;
        if (lastKey !== null && compareKeys(record.key, lastKey) <= 0) {
          overlay.set(record.key, record);
          continue;
        }
        lastKey = record.key;
        const leaf = leaves.add(record);
        if (leaf !== null) await take(leaf);
      }
    },
    addChanges: async (records, removals) => {
      for (const record of records) overlay.set(record.key, record);
      for (const key of removals) overlay.set(key, null);
      downloaded += records.length;
      removed += removals.length;
      await take(null);
    },
    settled: () => writing.catch(() => undefined),
    end: async (end) => {
      const last = leaves.finish();
      if (last !== null) waiting.push(last);
      await store(end);
      await writing;
    },
  };
}

export async function stagedRows(tx: WriteTransaction): Promise<StagedRow[]> {
  const rows = await tx.objectStore('runs').getAll();
  return rows.filter((row): row is StagedRow => 'generation' in row);
}

/**
 * Segments that a head gets while no run is at work. What a broken-off download has staged of the table is older, and would be put in
 * place under them with a newer cursor: it goes. What a run has staged of selected records stays, with these behind it.
 */
export async function putBehindStaged(
  tx: WriteTransaction,
  table: string,
  segments: readonly SegmentRef[],
): Promise<void> {
  const runs = tx.objectStore('runs');
  const staged = await runs.get(`staged:${table}`);
  if (staged === undefined || !('generation' in staged)) return;
  if (staged.refresh === true) await runs.put({ ...staged, segments: [...staged.segments, ...segments] });
  else await runs.delete(staged.id);
}

/** Whether a run of the mode puts it in place: what a broken-off download left is for the next one that downloads. */
export function isOfRun({ refresh = false }: StagedRow, mode: RunMode): boolean {
  return mode === 'all' || refresh;
}

/** The head that a staged table gets in the switch. Segments stored after staging began survive it. */
export function switchedHead(head: HeadRow, staged: StagedRow, now: number): HeadRow {
  const next = { ...head, generation: head.generation + 1, complete: true, whole: true, downloadedAt: now };
  const later = head.segments.filter((segment) => !staged.replaced.includes(segment.id));
  if (staged.refresh === true) {
    return {
      ...head,
      generation: head.generation + 1,
      segments: [...head.segments, ...staged.segments],
      expectedCount: null,
    };
  }
  if (staged.refused) return { ...next, root: null, segments: later, cursor: null, cursorFor: '', expectedCount: null };
  const { end } = staged;
  if (end === null) return head;
  const settled = { ...next, whole: isWholeGround(end.cursorFor), cursor: end.cursor, cursorFor: end.cursorFor };
  const expectedCount = later.length === 0 ? end.count : null;
  if (staged.full) {
    const root = staged.leaves > 0 ? staged.generation : null;
    return { ...settled, root, segments: [...staged.segments, ...later], expectedCount };
  }
  return { ...settled, segments: [...head.segments, ...staged.segments], expectedCount };
}
