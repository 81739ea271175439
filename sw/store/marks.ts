import type { AnyTransaction, WriteTransaction } from './database.ts';
import type { HeadRow, MarkRow } from './format.ts';
import { indexOfKey } from './packed.ts';
import type { RecordKey } from '../protocol/record.ts';

const keysInRow = 256;

export type MarkKind = MarkRow['kind'];

function rangeOf(table: string, kind: MarkKind): IDBKeyRange {
  return IDBKeyRange.bound([table, kind], [table, kind, []], false, true);
}

async function rowWith(
  tx: AnyTransaction,
  table: string,
  kind: MarkKind,
  key: RecordKey,
): Promise<{ readonly first: RecordKey; readonly row: MarkRow } | null> {
  // A key cursor: a value cursor of direction `prev` makes Firefox read values ahead.
  const cursor = await tx
    .objectStore('marks')
    .openKeyCursor(IDBKeyRange.bound([table, kind], [table, kind, key]), 'prev');
  if (cursor === null) return null;
  const row = await tx.objectStore('marks').get(cursor.key);
  if (row === undefined || indexOfKey(row.keys, key) < 0) return null;
  return { first: cursor.key[2], row };
}

/** Whether a record has a mark. The head must have been read in the same transaction. */
export async function isMarked(tx: AnyTransaction, head: HeadRow, kind: MarkKind, key: RecordKey): Promise<boolean> {
  return head.marks > 0 && (await rowWith(tx, head.table, kind, key)) !== null;
}

/** Takes a mark off one record; the caller writes the head with the next `marks` number if this returns true. */
export async function removeMark(
  tx: WriteTransaction,
  head: HeadRow,
  kind: MarkKind,
  key: RecordKey,
): Promise<boolean> {
  if (head.marks === 0) return false;
  const found = await rowWith(tx, head.table, kind, key);
  if (found === null) return false;
  const keys = found.row.keys.filter((other) => other !== key);
  const store = tx.objectStore('marks');
  const [first] = keys;
  if (first !== found.first) await store.delete([head.table, kind, found.first]);
  if (first !== undefined) await store.put({ kind, keys }, [head.table, kind, first]);
  return true;
}

/** All keys of a table under a mark, sorted. */
export async function readMarks(tx: AnyTransaction, head: HeadRow, kind: MarkKind): Promise<readonly RecordKey[]> {
  if (head.marks === 0) return [];
  const rows = await tx.objectStore('marks').getAll(rangeOf(head.table, kind));
  return rows.flatMap((row) => row.keys);
}

/** Replaces all marks of a kind in a table by sorted keys. */
export async function writeMarks(
  tx: WriteTransaction,
  table: string,
  kind: MarkKind,
  keys: readonly RecordKey[],
): Promise<void> {
  const store = tx.objectStore('marks');
  await store.delete(rangeOf(table, kind));
  const writes: Promise<unknown>[] = [];
  for (let start = 0; start < keys.length; start += keysInRow) {
    const part = keys.slice(start, start + keysInRow);
    const [first] = part;
    if (first !== undefined) writes.push(store.put({ kind, keys: part }, [table, kind, first]));
  }
  await Promise.all(writes);
}
