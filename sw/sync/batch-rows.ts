import { compareKeys, type RecordKey } from '../protocol/record.ts';
import { rowsOf } from '../store/changes.ts';
import type { AnyTransaction, WriteTransaction } from '../store/database.ts';
import type { BatchItem, ChangeRow } from '../store/format.ts';
import { refId } from './upload-order.ts';

export type ChangeItem = Extract<BatchItem, { readonly type: 'change' }>;

/** Rows that lie this near to each other are read by one request, with what lies between them. */
const gapInRange = 64;

/** How many keys of other records are read at most, for each of the batch's, before its records are asked for one by one. */
const foreignKeys = 4;

async function rowsBySeq(tx: AnyTransaction, items: readonly ChangeItem[]): Promise<ChangeRow[]> {
  const seqs = items.map((item) => item.seq).sort((a, b) => a - b);
  const ranges: IDBKeyRange[] = [];
  let first = seqs[0];
  let last = first;
  for (const seq of [...seqs.slice(1), Infinity]) {
    if (first === undefined || last === undefined) break;
    if (seq - last > gapInRange) {
      ranges.push(IDBKeyRange.bound(first, last));
      first = seq;
    }
    last = seq;
  }
  const lists = await Promise.all(
    ranges.map(async (range) => {
      const rows = await rowsMadeIn(tx, range);
      return rows.read(0, rows.count);
    }),
  );
  return lists.flat();
}

/** Fewer are read by the index at once. */
const worthLooking = 64;

export type ChangeKey = readonly [table: string, key: RecordKey, seq: number];

/** The records of a table from the first to the last of some keys, and how many keys these are. */
interface Span {
  readonly table: string;
  readonly first: RecordKey;
  readonly last: RecordKey;
  readonly count: number;
}

export function spansOf(records: readonly Pick<ChangeItem, 'table' | 'key'>[]): Span[] {
  const spans = new Map<string, Span>();
  for (const { table, key } of records) {
    const { first, last, count } = spans.get(table) ?? { first: key, last: key, count: 0 };
    spans.set(table, {
      table,
      first: compareKeys(key, first) < 0 ? key : first,
      last: compareKeys(key, last) > 0 ? key : last,
      count: count + 1,
    });
  }
  return [...spans.values()];
}

function recordOf([table, key]: ChangeKey): Pick<ChangeItem, 'table' | 'key'> {
  return { table, key };
}

function rangeOfSpan({ table, first, last }: Span): IDBKeyRange {
  return IDBKeyRange.bound([table, first], [table, last, []]);
}

function countWithin(keys: readonly ChangeKey[], { table, first, last }: Span): number {
  return keys.filter(([of, key]) => of === table && compareKeys(key, first) >= 0 && compareKeys(key, last) <= 0).length;
}

/** Rows that are read part by part. */
interface RowsInOrder {
  readonly count: number;
  /** Of the rows, so many from this one on. */
  read(start: number, count: number): Promise<readonly ChangeRow[]>;
}

/**
 * The rows with a `seq` of the range, in its order, at most `limit`. Where a table's rows from the first of them to the last
 * are just these, as after many writes in the order of keys, they are read without the index, which takes a third of the time.
 */
export async function rowsMadeIn(tx: AnyTransaction, seqs: IDBKeyRange, limit?: number): Promise<RowsInOrder> {
  const changes = tx.objectStore('changes');
  const index = changes.index('seq');
  const keys = await index.getAllKeys(seqs, limit);
  // No more keys than are known: counting would go over all rows between.
  const isAlone = async (span: Span): Promise<boolean> =>
    (await changes.getAllKeys(rangeOfSpan(span), span.count + 1)).length === span.count;
  const isWorthIt = keys.length >= worthLooking;
  const areNeighbours = isWorthIt && (await Promise.all(spansOf(keys.map(recordOf)).map(isAlone))).every(Boolean);
  return {
    count: keys.length,
    read: async (start, count) => {
      const part = keys.slice(start, start + count);
      const [first, last] = [part[0]?.[2], part.at(-1)?.[2]];
      if (first === undefined || last === undefined) return [];
      const spans = spansOf(part.map(recordOf));
      if (!areNeighbours || spans.some((span) => countWithin(keys, span) !== span.count)) {
        return index.getAll(IDBKeyRange.bound(first, last));
      }
      const lists = await Promise.all(spans.map((span) => changes.getAll(rangeOfSpan(span))));
      return lists.flat().sort((a, b) => a.seq - b.seq);
    },
  };
}

/** A table's part of a batch, and the range of `changes` from its first record to its last. */
interface Stretch {
  readonly table: string;
  readonly items: readonly ChangeItem[];
  readonly range: IDBKeyRange;
}

function byTable<Row extends { readonly table: string }>(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const lists = new Map<string, Row[]>();
  for (const row of rows) {
    const list = lists.get(row.table);
    if (list === undefined) lists.set(row.table, [row]);
    else list.push(row);
  }
  return lists;
}

function stretchesOf(items: readonly ChangeItem[]): Stretch[] {
  const lists = byTable(items);
  return spansOf(items).map((span) => ({
    table: span.table,
    items: lists.get(span.table) ?? [],
    range: rangeOfSpan(span),
  }));
}

/** The rows of a stretch's records beside those that the batch names. */
async function otherRows(
  tx: AnyTransaction,
  { table, items, range }: Stretch,
  own: readonly ChangeRow[],
): Promise<ChangeRow[]> {
  const changes = tx.objectStore('changes');
  const records = new Set(items.map(refId));
  const sent = new Set(items.map((item) => item.seq));
  const found = own.filter((row) => row.table === table && sent.has(row.seq) && records.has(refId(row)));
  const here = await changes.count(range);
  // Nothing but what was sent: the usual case.
  if (here === found.length) return [];
  if (here > items.length * (1 + foreignKeys) + gapInRange) {
    const lists = await Promise.all(items.map((item) => rowsOf(tx, item.table, item.key)));
    return lists.flat().filter((row) => !sent.has(row.seq));
  }
  const keys = await changes.getAllKeys(range);
  const others = keys.filter(([, key, seq]) => !sent.has(seq) && records.has(refId({ table, key })));
  const rows = await Promise.all(others.map((key) => changes.get(key)));
  return rows.filter((row) => row !== undefined);
}

/**
 * All rows of the records that a batch names, by the `seq` of the batch's item, oldest first. A request for each record would
 * take longer than the upload, and reading the values of all rows that were made later would make long queues slower still.
 */
export async function readBatchRows(
  tx: AnyTransaction,
  items: readonly ChangeItem[],
): Promise<ReadonlyMap<number, readonly ChangeRow[]>> {
  const own = await rowsBySeq(tx, items);
  const others = await Promise.all(stretchesOf(items).map((stretch) => otherRows(tx, stretch, own)));
  const bySeq = new Map([...own, ...others.flat()].map((row) => [row.seq, row]));
  const byRecord = new Map<string, ChangeRow[]>();
  for (const row of [...bySeq.values()].sort((a, b) => a.seq - b.seq)) {
    const id = refId(row);
    const list = byRecord.get(id);
    if (list === undefined) byRecord.set(id, [row]);
    else list.push(row);
  }
  return new Map(items.map((item) => [item.seq, byRecord.get(refId(item)) ?? []]));
}

/** How many keys of other rows are read at most, for each that is asked for. */
const strangers = 1;

/** All keys of changes from the first to the last of a span; null: there are too many others among them. */
export async function keysOfSpan(tx: AnyTransaction, span: Span): Promise<readonly ChangeKey[] | null> {
  const most = span.count * (1 + strangers);
  const keys = await tx.objectStore('changes').getAllKeys(rangeOfSpan(span), most + 1);
  return keys.length > most ? null : keys;
}

/** The rows as ranges of `changes` in which there is nothing else, from all keys between the first and the last of them. */
function rangesOf(rows: readonly ChangeRow[], keys: readonly ChangeKey[]): IDBKeyRange[] {
  const gone = new Set(rows.map(({ seq }) => seq));
  const ranges: IDBKeyRange[] = [];
  let [first, last]: [IDBValidKey | null, IDBValidKey | null] = [null, null];
  for (const [table, key, seq] of keys) {
    const isGone = gone.has(seq);
    if (isGone) last = [table, key, seq];
    if (isGone) first ??= last;
    else if (first !== null) {
      ranges.push(IDBKeyRange.bound(first, last));
      first = null;
    }
  }
  if (first !== null) ranges.push(IDBKeyRange.bound(first, last));
  return ranges;
}

/**
 * Deletes settled rows. Neighbours go by one range, as after most uploads all of a table do: a thousand single deletes take
 * longer than the upload.
 */
export async function deleteRows(tx: WriteTransaction, gone: readonly ChangeRow[]): Promise<void> {
  const changes = tx.objectStore('changes');
  const lists = byTable(gone);
  await Promise.all(
    spansOf(gone).map(async (span) => {
      const rows = lists.get(span.table) ?? [];
      const keys = await keysOfSpan(tx, span);
      const deletes =
        keys === null
          ? rows.map((row) => changes.delete([row.table, row.key, row.seq]))
          : rangesOf(rows, keys).map((neighbours) => changes.delete(neighbours));
      await Promise.all(deletes);
    }),
  );
}
