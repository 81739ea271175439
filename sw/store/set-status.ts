import { type Base, untilUnmoved } from './base.ts';
import { StaleReadError, type Database } from './database.ts';
import { findMatches } from './find-keys.ts';
import type { ListQuery } from './list-matcher.ts';
import { readMarks, writeMarks } from './marks.ts';
import type { Table } from './schema.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { SyncStatus } from '../protocol/status.ts';

function united(keys: readonly RecordKey[], more: readonly RecordKey[]): RecordKey[] {
  return [...new Set([...keys, ...more])].sort(compareKeys);
}

function without(keys: readonly RecordKey[], fewer: readonly RecordKey[]): RecordKey[] {
  const gone = new Set(fewer);
  return keys.filter((key) => !gone.has(key));
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
  return untilUnmoved(async () => {
    const { head, matches } = await findMatches(database, base, table, change.query);
    if (matches.length === 0) return 0;
    const isClean = matches.filter((match) => match.detail === 'clean').map((match) => match.key);
    const others = matches.filter((match) => match.detail !== 'clean').map((match) => match.key);
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
    return matches.length;
  });
}
