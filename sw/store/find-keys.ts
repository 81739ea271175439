import { type Base, untilUnmoved } from './base.ts';
import type { Database } from './database.ts';
import type { HeadRow, RootRow } from './format.ts';
import { findHits, type Hit } from './list.ts';
import type { ListQuery } from './list-matcher.ts';
import type { Table } from './schema.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

const leavesInSlice = 32;

/** Which records: those that match the filter (null: all) under the status (left out: any). */
export type KeyQuery = Pick<ListQuery, 'filter' | 'params'> & Partial<Pick<ListQuery, 'status'>>;

export interface Match {
  readonly key: RecordKey;
  readonly detail: StatusDetail;
}

/** The keys of hits; those that stand in leaves are read from there. */
async function keysOf(
  database: Database,
  base: Base,
  place: { readonly table: Table; readonly root: RootRow | null },
  hits: readonly Hit[],
): Promise<readonly (RecordKey | undefined)[]> {
  const { table, root } = place;
  const leaves = [...new Set(hits.filter((hit) => hit.key === null).map((hit) => hit.leaf))];
  const leafKeys = new Map<number, readonly RecordKey[]>();
  for (let start = 0; root !== null && start < leaves.length; start += leavesInSlice) {
    const slice = leaves.slice(start, start + leavesInSlice);
    await database.read(['leaves'], async (tx) => {
      const packed = await Promise.all(slice.map((leaf) => base.readLeaf(tx, table.name, root, leaf)));
      slice.forEach((leaf, index) => leafKeys.set(leaf, packed[index]?.keys ?? []));
    });
  }
  return hits.map((hit) => hit.key ?? leafKeys.get(hit.leaf)?.[hit.row]);
}

/**
 * The records that match, in key order, with the head under which they did: who writes upon it checks in the transaction
 * that writes that the head has not moved. Throws `StaleReadError` if it moves meanwhile.
 */
export async function findMatches(
  database: Database,
  base: Base,
  table: Table,
  query: KeyQuery,
): Promise<{ readonly head: HeadRow; readonly matches: readonly Match[] }> {
  const whole: ListQuery = { status: null, ...query, orderBy: [], limit: null, offset: 0 };
  const { head, root, hits } = await findHits(database, base, table, whole);
  const keys = await keysOf(database, base, { table, root }, hits);
  const matches = hits.flatMap(({ detail }, index) => {
    const key = keys[index];
    return key === undefined ? [] : [{ key, detail }];
  });
  return { head, matches };
}

/** The keys of the records that match, in key order, as the view has them: changes over the base, without the deleted. */
export function findKeys(database: Database, base: Base, table: Table, query: KeyQuery): Promise<readonly RecordKey[]> {
  return untilUnmoved(async () => {
    const { matches } = await findMatches(database, base, table, query);
    return matches.map((match) => match.key);
  });
}
