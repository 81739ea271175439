import type { KnownCounts } from './change-counts.ts';
import { floorIndex, indexOfKey, recordAt, recordOf, type StoredRecord } from './packed.ts';
import type { HeadRow, PackedRecords, RootBounds, RootRow, SegmentRef, SegmentRow } from './base-rows.ts';
import { StaleReadError, type AnyTransaction } from './database.ts';
import { LastRequests } from './last-requests.ts';
import { getBounds, getRoot } from './roots.ts';
import type { ColumnVectors } from '../filter/index.ts';
import { StorageError } from '../protocol/errors.ts';
import type { RecordKey } from '../protocol/record.ts';

const maximumRestarts = 20;

/** Runs a read again while the base moves under it. */
export async function untilUnmoved<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof StaleReadError)) throw error;
      if (attempt >= maximumRestarts) {
        throw new StorageError(`The local database is damaged (${error.message}). Reload the page to repair it.`, {
          cause: error,
        });
      }
    }
  }
}

function emptyHead(table: string): HeadRow {
  return {
    table,
    generation: 0,
    root: null,
    segments: [],
    cursor: null,
    cursorFor: '',
    complete: false,
    whole: false,
    downloadedAt: 0,
    marks: 0,
    sendMarks: 0,
    holdMarks: 0,
    expectedCount: null,
  };
}

function sizeOf(vectors: ColumnVectors): number {
  return Object.values(vectors).reduce(
    (sum, vector) =>
      sum + (vector.type === 'number' ? vector.values.byteLength : vector.text.length + vector.ends.byteLength),
    256,
  );
}

/** Keeps the most recently used values, up to a bound on their summed weight. */
class WeightedCache<V> {
  readonly #entries = new Map<string, { readonly value: V; readonly weight: number }>();
  readonly #bound: number;
  #weight = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  get(id: string): V | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry.value;
  }

  set(id: string, value: V, weight: number): void {
    const old = this.#entries.get(id);
    if (old !== undefined) this.#weight -= old.weight;
    this.#entries.delete(id);
    this.#entries.set(id, { value, weight });
    this.#weight += weight;
    for (const [oldest, entry] of this.#entries) {
      if (this.#weight <= this.#bound || this.#entries.size === 1) break;
      this.#entries.delete(oldest);
      this.#weight -= entry.weight;
    }
  }
}

/** A table's marks of one kind, and the number that the head had when they were read. */
export interface KnownMarks {
  readonly version: number;
  readonly keys: readonly RecordKey[];
}

/** What this worker knows of the last writes. Never trusted: a transaction that was guessed with it looks again. */
export interface RecentWrites {
  /** The last `seq` given out; null: not known. */
  seq: number | null;
  /** Grows with each guess. */
  guesses: number;
  /** The list that belongs to `seq`. */
  readonly requests: LastRequests;
  /** Heads as they were when the transactions that may write heads had left this stamp. */
  heads: { readonly stamp: string | null; readonly tables: ReadonlyMap<string, HeadRow> };
  /** No request of an earlier incarnation of the worker can come again: its time is over. */
  noRepeats: boolean;
}

/**
 * Reads the base through the head that was read in the same transaction. Leaves, segments and roots are immutable and their
 * numbers are never used again, so copies kept in memory are right for as long as a head names them.
 */
export interface Base {
  readHead(tx: AnyTransaction, table: string): Promise<HeadRow>;
  readRoot(tx: AnyTransaction, head: Pick<HeadRow, 'table' | 'root'>): Promise<RootRow | null>;
  /** What is known of these columns in the root's leaves. Scope: roots. */
  readBounds(
    tx: AnyTransaction,
    head: Pick<HeadRow, 'table' | 'root'>,
    columns: readonly string[],
  ): Promise<RootBounds>;
  readSegment(tx: AnyTransaction, table: string, ref: SegmentRef): Promise<SegmentRow>;
  readLeaf(tx: AnyTransaction, table: string, root: RootRow, index: number): Promise<PackedRecords>;
  /** A leaf's vectors; none where its table has no declared columns. Scope: vectors. */
  readVectors(tx: AnyTransaction, table: string, root: RootRow, index: number): Promise<ColumnVectors>;
  /** The base copy of one record, or null. Scope: heads, roots, segments, leaves. */
  readRecord(tx: AnyTransaction, head: HeadRow, key: RecordKey): Promise<StoredRecord | null>;
  /** The marks that were read last, by kind and table. */
  readonly marks: Map<string, KnownMarks>;
  /** The changes as they were counted last; null: not yet. */
  readonly counted: { known: KnownCounts | null };
  /** What writes guess with. */
  readonly recent: RecentWrites;
  /** The head as it was when last read, which may be out of date; undefined: it was not read yet. */
  lastHead(table: string): HeadRow | undefined;
  /**
   * Gets the leaf that would hold the record if the table's head were still the last one, so that it comes with the head and not
   * after it. Scope: leaves. It is used only if the head that is read names it.
   */
  prefetch(tx: AnyTransaction, table: string, key: RecordKey): Promise<unknown>;
  /** `readRecord` from memory alone; undefined: something that it needs is not there. */
  recallRecord(head: HeadRow, key: RecordKey): StoredRecord | null | undefined;
}

export function createBase(): Base {
  // Weights are records for segments, leaves for roots, characters for leaves.
  const roots = new WeightedCache<RootRow>(50_000);
  const bounds = new WeightedCache<RootBounds>(50_000);
  const segments = new WeightedCache<SegmentRow>(50_000);
  const leaves = new WeightedCache<PackedRecords>(4_000_000);
  // In bytes. Searching as one types reads the same vectors again with every letter.
  const vectors = new WeightedCache<ColumnVectors>(32_000_000);

  const heads = new Map<string, HeadRow>();

  const readHead = async (tx: AnyTransaction, table: string): Promise<HeadRow> => {
    const head = (await tx.objectStore('heads').get(table)) ?? emptyHead(table);
    // What a writing transaction reads may be its own, and be rolled back.
    if (tx.mode === 'readonly') heads.set(table, head);
    return head;
  };

  const readRoot = async (tx: AnyTransaction, head: Pick<HeadRow, 'table' | 'root'>): Promise<RootRow | null> => {
    if (head.root === null) return null;
    const id = `${head.table}/${head.root}`;
    const cached = roots.get(id);
    if (cached !== undefined) return cached;
    const row = await getRoot(tx, [head.table, head.root]);
    if (row === undefined) throw new StaleReadError(`root ${id} is missing`);
    roots.set(id, row, row.counts.length);
    return row;
  };

  const readBounds: Base['readBounds'] = async (tx, head, columns) => {
    if (head.root === null || columns.length === 0) return {};
    const id = [head.table, head.root, ...columns].join('/');
    const cached = bounds.get(id);
    if (cached !== undefined) return cached;
    const known = await getBounds(tx, [head.table, head.root], columns);
    bounds.set(
      id,
      known,
      Object.values(known).reduce((sum, list) => sum + list.length, 1),
    );
    return known;
  };

  const readSegment = async (tx: AnyTransaction, table: string, ref: SegmentRef): Promise<SegmentRow> => {
    const id = `${table}/${ref.id}`;
    const cached = segments.get(id);
    if (cached !== undefined) return cached;
    const row = await tx.objectStore('segments').get([table, ref.id]);
    if (row === undefined) throw new StaleReadError(`segment ${id} is missing`);
    segments.set(id, row, row.keys.length + row.removed.length);
    return row;
  };

  const readLeaf = async (tx: AnyTransaction, table: string, root: RootRow, index: number): Promise<PackedRecords> => {
    const generation = root.generations[index];
    const number = root.numbers[index];
    if (generation === undefined || number === undefined) throw new StaleReadError(`leaf ${index} is not in the root`);
    const id = `${table}/${generation}/${number}`;
    const cached = leaves.get(id);
    if (cached !== undefined) return cached;
    const row = await tx.objectStore('leaves').get([table, generation, number]);
    if (row === undefined) throw new StaleReadError(`leaf ${id} is missing`);
    leaves.set(id, row, row.text.length);
    return row;
  };

  const readVectors = async (
    tx: AnyTransaction,
    table: string,
    root: RootRow,
    index: number,
  ): Promise<ColumnVectors> => {
    const key: [string, number, number] = [table, root.generations[index] ?? 0, root.numbers[index] ?? 0];
    const id = key.join('/');
    const cached = vectors.get(id);
    if (cached !== undefined) return cached;
    const row = (await tx.objectStore('vectors').get(key)) ?? {};
    vectors.set(id, row, sizeOf(row));
    return row;
  };

  const readRecord = async (tx: AnyTransaction, head: HeadRow, key: RecordKey): Promise<StoredRecord | null> => {
    for (const ref of head.segments.toReversed()) {
      const segment = await readSegment(tx, head.table, ref);
      const index = indexOfKey(segment.keys, key);
      if (index >= 0) return recordAt(segment, index);
      if (indexOfKey(segment.removed, key) >= 0) return null;
    }
    const root = await readRoot(tx, head);
    if (root === null) return null;
    const leaf = floorIndex(root.firstKeys, key);
    if (leaf < 0) return null;
    return recordOf(await readLeaf(tx, head.table, root, leaf), key);
  };

  const prefetch = async (tx: AnyTransaction, table: string, key: RecordKey): Promise<unknown> => {
    const root = roots.get(`${table}/${heads.get(table)?.root}`);
    const leaf = root === undefined ? -1 : floorIndex(root.firstKeys, key);
    // A leaf that was swept is in no head.
    return root === undefined || leaf < 0 ? null : readLeaf(tx, table, root, leaf).catch(() => null);
  };

  const recallRecord = (head: HeadRow, key: RecordKey): StoredRecord | null | undefined => {
    for (const ref of head.segments.toReversed()) {
      const segment = segments.get(`${head.table}/${ref.id}`);
      if (segment === undefined) return undefined;
      const index = indexOfKey(segment.keys, key);
      if (index >= 0) return recordAt(segment, index);
      if (indexOfKey(segment.removed, key) >= 0) return null;
    }
    if (head.root === null) return null;
    const root = roots.get(`${head.table}/${head.root}`);
    if (root === undefined) return undefined;
    const leaf = floorIndex(root.firstKeys, key);
    if (leaf < 0) return null;
    const packed = leaves.get(`${head.table}/${root.generations[leaf]}/${root.numbers[leaf]}`);
    return packed === undefined ? undefined : recordOf(packed, key);
  };

  const recent: RecentWrites = {
    seq: null,
    guesses: 0,
    requests: new LastRequests(),
    heads: { stamp: null, tables: new Map() },
    noRepeats: false,
  };
  const lastHead = (table: string): HeadRow | undefined => heads.get(table);
  const marks = new Map<string, KnownMarks>();
  const reads = { readHead, readRoot, readBounds, readSegment, readLeaf, readVectors, readRecord, prefetch };
  return { ...reads, marks, counted: { known: null }, lastHead, recallRecord, recent };
}
