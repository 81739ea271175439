import type { BoundedRoot, BoundsRow, RootBounds, RootRow } from './base-rows.ts';
import type { AnyTransaction, WriteTransaction } from './database.ts';
import type { Format } from './format.ts';

export type RootKey = readonly [table: string, id: number];

type StoredRoot = Format['roots']['value'] | undefined;

function isBounds(row: StoredRoot): row is BoundsRow {
  return row !== undefined && 'json' in row;
}

/** A part of a root of which not all leaves are stored. */
export function isPart(row: StoredRoot): row is BoundedRoot {
  return row !== undefined && 'bounds' in row;
}

export async function getRoot(tx: AnyTransaction, [table, id]: RootKey): Promise<RootRow | undefined> {
  const row = await tx.objectStore('roots').get([table, id]);
  return isBounds(row) ? undefined : row;
}

/** The bounds of these columns, as far as there are any. */
export async function getBounds(
  tx: AnyTransaction,
  [table, id]: RootKey,
  columns: readonly string[],
): Promise<RootBounds> {
  const row = await tx.objectStore('roots').get([table, id, 'bounds']);
  if (!isBounds(row)) return {};
  const parsed = columns.flatMap((column): [string, RootBounds[string]][] => {
    const json = Object.hasOwn(row.json, column) ? row.json[column] : undefined;
    return json === undefined ? [] : [[column, JSON.parse(json)]];
  });
  return Object.fromEntries(parsed);
}

export async function putRoot(tx: WriteTransaction, [table, id]: RootKey, root: BoundedRoot): Promise<void> {
  const { bounds, ...row } = root;
  const store = tx.objectStore('roots');
  const columns = Object.entries(bounds);
  const json = Object.fromEntries(columns.map(([column, list]) => [column, JSON.stringify(list)]));
  await Promise.all([
    store.put(row, [table, id]),
    ...(columns.length === 0 ? [] : [store.put({ json }, [table, id, 'bounds'])]),
  ]);
}

/** What is known of a root's leaves does not hold under other columns. */
export async function deleteBounds(tx: WriteTransaction, [table, id]: RootKey): Promise<void> {
  await tx.objectStore('roots').delete([table, id, 'bounds']);
}
