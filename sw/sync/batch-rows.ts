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
  return (await Promise.all(ranges.map((range) => rowsMadeIn(tx, range)))).flat();
}

/** Fewer are read by the index at once. */
const worthLooking = 64;

/**
 * The rows with a `seq` of the range, in its order. Where a table's rows from the first of them to the last are just these,
 * as after many writes in the order of keys, they are read without the index, which takes a third of the time.
 */
export async function rowsMadeIn(tx: AnyTransaction, seqs: IDBKeyRange, limit?: number): Promise<ChangeRow[]> {
  const changes = tx.objectStore('changes');
  const index = changes.index('seq');
  const keys = await index.getAllKeys(seqs, limit);
  if (keys.length < worthLooking) return index.getAll(seqs, limit);
  const ranges = [...byTable(keys.map(([table, key]) => ({ table, key })))].flatMap(([table, list]) => {
    const range = rangeOf(
      table,
      list.map(({ key }) => key),
    );
    return range === null ? [] : [range];
  });
  const counts = await Promise.all(ranges.map((range) => changes.count(range)));
  if (counts.reduce((sum, count) => sum + count, 0) !== keys.length) return index.getAll(seqs, limit);
  const lists = await Promise.all(ranges.map((range) => changes.getAll(range)));
  return lists.flat().sort((a, b) => a.seq - b.seq);
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
  return [...byTable(items)].flatMap(([table, list]): Stretch[] => {
    const range = rangeOf(
      table,
      list.map((item) => item.key),
    );
    return range === null ? [] : [{ table, items: list, range }];
  });
}

function rangeOf(table: string, keys: readonly RecordKey[]): IDBKeyRange | null {
  const sorted = [...keys].sort(compareKeys);
  const [first] = sorted;
  const last = sorted.at(-1);
  return first === undefined || last === undefined ? null : IDBKeyRange.bound([table, first], [table, last, []]);
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

/** How many keys of other rows are read at most, for each row that goes, to find out which of these are neighbours. */
const strangers = 3;

/** The rows as ranges of `changes` in which there is nothing else, from all keys between the first and the last of them. */
function rangesOf(rows: readonly ChangeRow[], keys: readonly (readonly [string, RecordKey, number])[]): IDBKeyRange[] {
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
  await Promise.all(
    [...byTable(gone)].map(async ([table, rows]) => {
      const range = rangeOf(
        table,
        rows.map((row) => row.key),
      );
      if (range === null) return;
      const count = await changes.count(range);
      if (count === rows.length) await changes.delete(range);
      else if (count > rows.length * (1 + strangers)) {
        await Promise.all(rows.map((row) => changes.delete([row.table, row.key, row.seq])));
      } else {
        const keys = await changes.getAllKeys(range);
        await Promise.all(rangesOf(rows, keys).map((neighbours) => changes.delete(neighbours)));
      }
    }),
  );
}
