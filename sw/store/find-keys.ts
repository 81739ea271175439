import type { Base } from './base.ts';
import type { Database, Reader } from './database.ts';
import type { HeadRow } from './format.ts';
import { findHits, leavesInSlice, type FindOptions, type Found } from './hits.ts';
import { listScope } from './list.ts';
import type { ListQuery } from './list-matcher.ts';
import type { Table } from './schema.ts';
import { readSteadily } from './steady.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

/** Which records: those that match the filter (null: all) under the status (left out: any). */
export type KeyQuery = Pick<ListQuery, 'filter' | 'params'> &
  Partial<Pick<ListQuery, 'status' | 'source'>> &
  FindOptions;

export interface Match {
  readonly key: RecordKey;
  readonly detail: StatusDetail;
  readonly isDeleted: boolean;
}

/** The keys of hits; those that stand in leaves are read from there. */
async function keysOf(
  reader: Reader,
  base: Base,
  table: Table,
  { root, hits }: Found,
): Promise<readonly (RecordKey | undefined)[]> {
  const leaves = [...new Set(hits.filter((hit) => hit.key === null).map((hit) => hit.leaf))];
  const leafKeys = new Map<number, readonly RecordKey[]>();
  for (let start = 0; root !== null && start < leaves.length; start += leavesInSlice) {
    const slice = leaves.slice(start, start + leavesInSlice);
    await reader.read(['leaves'], async (tx) => {
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
  reader: Reader,
  base: Base,
  table: Table,
  query: KeyQuery,
): Promise<{ readonly head: HeadRow; readonly matches: readonly Match[]; readonly warnings: readonly string[] }> {
  const { filter, params, status = null, includeDeleted = false, source } = query;
  const whole: ListQuery = {
    ...{ filter, params, status, orderBy: [], limit: null, offset: 0 },
    ...(source === undefined ? {} : { source }),
  };
  const found = await findHits(reader, base, table, whole, { includeDeleted });
  const keys = await keysOf(reader, base, table, found);
  const matches = found.hits.flatMap(({ detail, isDeleted }, index) => {
    const key = keys[index];
    return key === undefined ? [] : [{ key, detail, isDeleted }];
  });
  return { head: found.head, matches, warnings: found.warnings };
}

/** The keys of the records that match, in key order, as the view has them: changes over the base, without the deleted. */
export function findKeys(database: Database, base: Base, table: Table, query: KeyQuery): Promise<readonly RecordKey[]> {
  return readSteadily(database, listScope, async (reader) => {
    const { matches } = await findMatches(reader, base, table, query);
    return matches.map((match) => match.key);
  });
}
