import type { Base } from './base.ts';
import type { Database, Reader } from './database.ts';
import { firstOf } from './first-of.ts';
import type { HeadRow } from './base-rows.ts';
import type { StoreName } from './format.ts';
import { checkUnmoved, findHits, leavesInSlice, type Found, type Hit } from './hits.ts';
import { compareListed, type ListQuery } from './list-matcher.ts';
import { textAt } from './packed.ts';
import type { Table } from './schema.ts';
import { readSteadily } from './steady.ts';
import type { ListedStatus } from '../protocol/query.ts';
import { isRecordKey, type RecordKey } from '../protocol/record.ts';
import { statusOfDetail } from '../protocol/status.ts';

/** What `findHits` and reading what was found touch. */
export const listScope: StoreName[] = [
  'heads',
  'roots',
  'segments',
  'leaves',
  'vectors',
  'marks',
  'changes',
  'members',
];

export interface ListResult {
  /** The page of the list as JSON texts. */
  readonly texts: readonly string[];
  /** How many records match, on all pages. */
  readonly total: number;
  /** Those of the page that are not clean. */
  readonly notClean: readonly ListedStatus[];
  /** How many of all that match are not synchronized. */
  readonly notSynchronized: number;
  /** The head under which it was read: it says how much of the table is here. */
  readonly head: HeadRow;
  /** What is probably a mistake in the filter. */
  readonly warnings: readonly string[];
}

/** The JSON of each hit, read from its leaf where it stands in one. */
async function textsOf(
  reader: Reader,
  base: Base,
  table: Table,
  { head, root }: Found,
  hits: readonly Hit[],
): Promise<string[]> {
  const texts = new Array<string>(hits.length).fill('');
  const byLeafNumber = new Map<number, number[]>();
  hits.forEach((hit, index) => {
    const inLeaf = byLeafNumber.get(hit.leaf);
    if (hit.text !== null) texts[index] = hit.text;
    else if (inLeaf === undefined) byLeafNumber.set(hit.leaf, [index]);
    else inLeaf.push(index);
  });
  const leaves = [...byLeafNumber.keys()];
  for (let start = 0; root !== null && start < leaves.length; start += leavesInSlice) {
    const slice = leaves.slice(start, start + leavesInSlice);
    const packed = await reader.read(['heads', 'leaves'], async (tx) => {
      await checkUnmoved(tx, base, head);
      return Promise.all(slice.map((leaf) => base.readLeaf(tx, table.name, root, leaf)));
    });
    slice.forEach((leaf, at) => {
      const records = packed[at];
      if (records === undefined) return;
      for (const index of byLeafNumber.get(leaf) ?? []) texts[index] = textAt(records, hits[index]?.row ?? 0);
    });
  }
  return texts;
}

function isNotSynchronized({ detail }: Hit): boolean {
  return statusOfDetail(detail).code === 1;
}

/** Answers a list request from the database: filter, order, page, total, and what of it is not synchronized. */
export function readList(database: Database, base: Base, table: Table, query: ListQuery): Promise<ListResult> {
  return readSteadily(database, listScope, async (reader) => {
    const found = await findHits(reader, base, table, query);
    const { head, hits } = found;
    const { limit, offset, orderBy } = query;
    const end = limit === null ? hits.length : offset + limit;
    const ordered = orderBy.length === 0 ? hits : firstOf(hits, end, compareListed(orderBy));
    const page = ordered.slice(offset, end);
    const texts = await textsOf(reader, base, table, found, page);
    const notClean = page.flatMap((hit, index) => {
      if (hit.detail === 'clean') return [];
      const key = hit.key ?? keyIn(texts[index], table);
      return key === null ? [] : [{ key, detail: hit.detail }];
    });
    return {
      texts,
      total: hits.length,
      notClean,
      notSynchronized: hits.filter(isNotSynchronized).length,
      head,
      warnings: found.warnings,
    };
  });
}

function keyIn(text: string | undefined, table: Table): RecordKey | null {
  const record: unknown = text === undefined ? null : JSON.parse(text);
  if (typeof record !== 'object' || record === null) return null;
  const key: unknown = Reflect.get(record, table.key);
  return isRecordKey(key) ? key : null;
}
