import { type Base, untilUnmoved } from './base.ts';
import { StaleReadError, type Database } from './database.ts';
import type { RootRow } from './format.ts';
import { findHits, type Hit } from './list.ts';
import type { ListQuery } from './list-matcher.ts';
import { readMarks, writeMarks } from './marks.ts';
import type { Table } from './schema.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { SyncStatus } from '../protocol/status.ts';

const leavesInSlice = 32;

function united(keys: readonly RecordKey[], more: readonly RecordKey[]): RecordKey[] {
  return [...new Set([...keys, ...more])].sort(compareKeys);
}

function without(keys: readonly RecordKey[], fewer: readonly RecordKey[]): RecordKey[] {
  const gone = new Set(fewer);
  return keys.filter((key) => !gone.has(key));
}

/** The keys of hits; those that stand in leaves are read from there. */
async function keysOf(
  database: Database,
  base: Base,
  table: Table,
  root: RootRow | null,
  hits: readonly Hit[],
): Promise<RecordKey[]> {
  const leaves = [...new Set(hits.filter((hit) => hit.key === null).map((hit) => hit.leaf))];
  const leafKeys = new Map<number, readonly RecordKey[]>();
  for (let start = 0; root !== null && start < leaves.length; start += leavesInSlice) {
    const slice = leaves.slice(start, start + leavesInSlice);
    await database.read(['leaves'], async (tx) => {
      const packed = await Promise.all(slice.map((leaf) => base.readLeaf(tx, table.name, root, leaf)));
      slice.forEach((leaf, index) => leafKeys.set(leaf, packed[index]?.keys ?? []));
    });
  }
  return hits.flatMap((hit) => hit.key ?? leafKeys.get(hit.leaf)?.[hit.row] ?? []);
}

/**
 * Sets the sync status of every record that matches, in one transaction and without network (K-02 to K-04). A clean record
 * set *not synchronized* is sent whole by the next run; a changed one set *synchronized* is held back, its value kept.
 * Resolves to the number of records that match, when it is on disk. Repeating it changes nothing.
 */
export function setStatus(
  database: Database,
  base: Base,
  table: Table,
  change: { readonly status: SyncStatus; readonly query: Pick<ListQuery, 'filter' | 'params'> },
): Promise<number> {
  const query: ListQuery = { ...change.query, orderBy: [], limit: null, offset: 0, status: null };
  return untilUnmoved(async () => {
    const { head, root, hits } = await findHits(database, base, table, query);
    if (hits.length === 0) return 0;
    const isClean = await keysOf(
      database,
      base,
      table,
      root,
      hits.filter((hit) => hit.detail === 'clean'),
    );
    const others = await keysOf(
      database,
      base,
      table,
      root,
      hits.filter((hit) => hit.detail !== 'clean'),
    );
    await database.write(['heads', 'marks', 'changes'], async (tx) => {
      const now = await base.readHead(tx, table.name);
      if (now.generation !== head.generation || now.marks !== head.marks)
        throw new StaleReadError(`${table.name} moved`);
      const [send, hold] = await Promise.all([readMarks(tx, now, 'send'), readMarks(tx, now, 'hold')]);
      if (change.status === 'not-synchronized') {
        await writeMarks(tx, table.name, 'send', united(send, isClean));
        await writeMarks(tx, table.name, 'hold', without(hold, others));
      } else {
        const marked = new Set(send);
        await writeMarks(tx, table.name, 'send', without(send, others));
        await writeMarks(
          tx,
          table.name,
          'hold',
          united(
            hold,
            others.filter((key) => !marked.has(key)),
          ),
        );
      }
      await tx.objectStore('heads').put({ ...now, marks: now.marks + 1 });
    });
    return hits.length;
  });
}
