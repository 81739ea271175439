import type { Base } from './base.ts';
import type { Database, Reader } from './database.ts';
import type { HeadRow } from './base-rows.ts';
import { findHits, type FindOptions, type Found, type Hit } from './hits.ts';
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

/** Who asks for keys asks for many: reads that a user waits for have their turn after few leaves. */
const leavesInSlice = 8;
const hitsInSlice = 8192;

/** Where a slice of the hits ends, and the leaves that it needs for their keys: a few at most. */
function sliceFrom(hits: readonly Hit[], start: number): { readonly end: number; readonly leaves: readonly number[] } {
  const leaves = new Set<number>();
  let end = start;
  for (; end < hits.length && end - start < hitsInSlice; end += 1) {
    const hit = hits[end];
    if (hit === undefined || hit.key !== null || leaves.has(hit.leaf)) continue;
    if (leaves.size === leavesInSlice) break;
    leaves.add(hit.leaf);
  }
  return { end, leaves: [...leaves] };
}

/** What was hit, by key; the keys of those that stand in leaves are read from there. */
async function matchesOf(reader: Reader, base: Base, table: Table, { root, hits }: Found): Promise<readonly Match[]> {
  const matches: Match[] = [];
  for (let start = 0; start < hits.length;) {
    const { end, leaves } = sliceFrom(hits, start);
    const keys = new Map<number, readonly RecordKey[]>();
    if (root !== null && leaves.length > 0) {
      await reader.read(['leaves'], async (tx) => {
        const packed = await Promise.all(leaves.map((leaf) => base.readLeaf(tx, table.name, root, leaf)));
        leaves.forEach((leaf, index) => keys.set(leaf, packed[index]?.keys ?? []));
      });
    }
    for (; start < end; start += 1) {
      const hit = hits[start];
      const key = hit?.key ?? keys.get(hit?.leaf ?? -1)?.[hit?.row ?? -1];
      if (hit !== undefined && key !== undefined) matches.push({ key, detail: hit.detail, isDeleted: hit.isDeleted });
    }
  }
  return matches;
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
  const found = await findHits(reader, base, table, whole, { includeDeleted, inSlice: leavesInSlice });
  const matches = await matchesOf(reader, base, table, found);
  return { head: found.head, matches, warnings: found.warnings };
}

/** The keys of the records that match, in key order, as the view has them: changes over the base, without the deleted. */
export function findKeys(database: Database, base: Base, table: Table, query: KeyQuery): Promise<readonly RecordKey[]> {
  return readSteadily(database, listScope, async (reader) => {
    const { matches } = await findMatches(reader, base, table, query);
    return matches.map((match) => match.key);
  });
}
