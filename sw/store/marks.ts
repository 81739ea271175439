import type { Base } from './base.ts';
import type { AnyTransaction, WriteTransaction } from './database.ts';
import type { MarkRow } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import { without } from './sorted-keys.ts';
import { compareKeys, isRecordKey, type RecordKey } from '../protocol/record.ts';

const keysInRow = 1024;
/** Rows that are read or written at once: other events have their turn between. */
const rowsInSlice = 16;

export type MarkKind = MarkRow['kind'];

function rangeOf(table: string, kind: MarkKind): IDBKeyRange {
  return IDBKeyRange.bound([table, kind], [table, kind, []], false, true);
}

function keysOf(row: MarkRow): RecordKey[] {
  const keys: unknown = JSON.parse(row.keys);
  return Array.isArray(keys) ? keys.filter(isRecordKey) : [];
}

async function readKeys(tx: AnyTransaction, table: string, kind: MarkKind): Promise<RecordKey[]> {
  const keys: RecordKey[] = [];
  let range = rangeOf(table, kind);
  for (;;) {
    const rows = await tx.objectStore('marks').getAll(range, rowsInSlice);
    for (const row of rows) for (const key of keysOf(row)) keys.push(key);
    const last = keys.at(-1);
    if (rows.length < rowsInSlice || last === undefined) return keys;
    // Behind the last key: no row begins among those of another.
    range = IDBKeyRange.bound([table, kind, last], [table, kind, []], true, true);
  }
}

/** How many records of a table are under a mark. */
function countMarks(head: HeadRow, kind: MarkKind): number {
  return kind === 'send' ? head.sendMarks : head.holdMarks;
}

/** The head after its marks changed. */
export function remarked(head: HeadRow, counts: { readonly send?: number; readonly hold?: number }): HeadRow {
  const { send = head.sendMarks, hold = head.holdMarks } = counts;
  return { ...head, marks: head.marks + 1, sendMarks: send, holdMarks: hold };
}

interface FoundRow {
  readonly first: RecordKey;
  readonly keys: readonly RecordKey[];
}

async function rowWith(tx: AnyTransaction, table: string, kind: MarkKind, key: RecordKey): Promise<FoundRow | null> {
  // A key cursor: a value cursor of direction `prev` makes Firefox read values ahead.
  const cursor = await tx
    .objectStore('marks')
    .openKeyCursor(IDBKeyRange.bound([table, kind], [table, kind, key]), 'prev');
  if (cursor === null) return null;
  const row = await tx.objectStore('marks').get(cursor.key);
  const keys = row === undefined ? [] : keysOf(row);
  return keys.includes(key) ? { first: cursor.key[2], keys } : null;
}

/** Whether a record has a mark. The head must have been read in the same transaction. */
export async function isMarked(tx: AnyTransaction, head: HeadRow, kind: MarkKind, key: RecordKey): Promise<boolean> {
  return countMarks(head, kind) > 0 && (await rowWith(tx, head.table, kind, key)) !== null;
}

/** Takes a mark off one record, if it has it; gives the head as it is then stored. */
export async function removeMark(
  tx: WriteTransaction,
  head: HeadRow,
  kind: MarkKind,
  key: RecordKey,
): Promise<HeadRow> {
  const found = countMarks(head, kind) === 0 ? null : await rowWith(tx, head.table, kind, key);
  if (found === null) return head;
  const next = remarked(head, { [kind]: countMarks(head, kind) - 1 });
  await Promise.all([
    putRow(tx, head.table, kind, found.first, without(found.keys, [key])),
    tx.objectStore('heads').put(next),
  ]);
  return next;
}

async function putRow(
  tx: WriteTransaction,
  table: string,
  kind: MarkKind,
  oldFirst: RecordKey,
  keys: readonly RecordKey[],
): Promise<void> {
  const [first] = keys;
  if (first !== oldFirst) await tx.objectStore('marks').delete([table, kind, oldFirst]);
  if (first !== undefined) await tx.objectStore('marks').put(pack(kind, keys), [table, kind, first]);
}

/** Takes a mark off several records; gives the head as it is then stored. */
export async function removeMarks(
  tx: WriteTransaction,
  head: HeadRow,
  kind: MarkKind,
  keys: readonly RecordKey[],
): Promise<HeadRow> {
  if (keys.length === 0 || countMarks(head, kind) === 0) return head;
  const marked = await readKeys(tx, head.table, kind);
  const left = without(marked, [...keys].sort(compareKeys));
  return left.length === marked.length ? head : writeMarks(tx, head, { [kind]: packMarks(kind, left) });
}

/** Takes the holds off records that have no change left to hold. */
export async function releaseHolds(
  tx: WriteTransaction,
  base: Base,
  records: readonly { readonly table: string; readonly key: RecordKey }[],
): Promise<void> {
  const tables = new Set(records.map((record) => record.table));
  await Promise.all(
    [...tables].map(async (table) => {
      const head = await base.readHead(tx, table);
      if (countMarks(head, 'hold') === 0) return;
      const keys = records.filter((record) => record.table === table).map((record) => record.key);
      await removeMarks(tx, head, 'hold', keys);
    }),
  );
}

/**
 * All keys of a table under a mark, sorted. What memory has of them counts only if the head, read in the same transaction,
 * still has their number.
 */
export async function readMarks(
  tx: AnyTransaction,
  base: Base,
  head: HeadRow,
  kind: MarkKind,
): Promise<readonly RecordKey[]> {
  if (countMarks(head, kind) === 0) return [];
  const id = `${kind} ${head.table}`;
  const known = base.marks.get(id);
  if (known?.version === head.marks) return known.keys;
  const keys = await readKeys(tx, head.table, kind);
  // What a writing transaction reads may be its own, and be rolled back.
  if (tx.mode === 'readonly') base.marks.set(id, { version: head.marks, keys });
  return keys;
}

export interface MarkedRow {
  readonly first: RecordKey;
  readonly keys: readonly RecordKey[];
}

/** The first marks of a kind, as many as one row holds; null: there are none. */
export async function firstMarks(tx: AnyTransaction, head: HeadRow, kind: MarkKind): Promise<MarkedRow | null> {
  if (countMarks(head, kind) === 0) return null;
  const [row] = await tx.objectStore('marks').getAll(rangeOf(head.table, kind), 1);
  const keys = row === undefined ? [] : keysOf(row);
  const [first] = keys;
  return first === undefined ? null : { first, keys };
}

/** Deletes what `firstMarks` gave, and stores the head. */
export async function deleteMarks(tx: WriteTransaction, head: HeadRow, kind: MarkKind, row: MarkedRow): Promise<void> {
  await Promise.all([
    tx.objectStore('marks').delete([head.table, kind, row.first]),
    tx.objectStore('heads').put(remarked(head, { [kind]: countMarks(head, kind) - row.keys.length })),
  ]);
}

/** Sorted keys as the rows that hold them: one text each, which a database takes faster than a list. */
export type PackedMarks = readonly { readonly first: RecordKey; readonly row: MarkRow }[];

function pack(kind: MarkKind, keys: readonly RecordKey[]): MarkRow {
  return { kind, count: keys.length, keys: JSON.stringify(keys) };
}

export function packMarks(kind: MarkKind, keys: readonly RecordKey[]): PackedMarks {
  const rows: { first: RecordKey; row: MarkRow }[] = [];
  for (let start = 0; start < keys.length; start += keysInRow) {
    const part = keys.slice(start, start + keysInRow);
    const [first] = part;
    if (first !== undefined) rows.push({ first, row: pack(kind, part) });
  }
  return rows;
}

/** Replaces all marks of the given kinds in a table; gives the head as it is then stored. */
export async function writeMarks(
  tx: WriteTransaction,
  head: HeadRow,
  marks: { readonly [Kind in MarkKind]?: PackedMarks },
): Promise<HeadRow> {
  const { table } = head;
  const store = tx.objectStore('marks');
  const counts: { [Kind in MarkKind]?: number } = {};
  for (const kind of ['send', 'hold'] as const) {
    const rows = marks[kind];
    if (rows === undefined) continue;
    counts[kind] = rows.reduce((sum, { row }) => sum + row.count, 0);
    if (countMarks(head, kind) > 0) await store.delete(rangeOf(table, kind));
    for (let start = 0; start < rows.length; start += rowsInSlice) {
      const slice = rows.slice(start, start + rowsInSlice);
      await Promise.all(slice.map(({ first, row }) => store.put(row, [table, kind, first])));
    }
  }
  const next = remarked(head, counts);
  await tx.objectStore('heads').put(next);
  return next;
}
