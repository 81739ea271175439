import { rowsOf, withState } from './changes.ts';
import type { Database } from './database.ts';
import type { FailureRow } from './format.ts';
import type { MutationId } from '../protocol/record.ts';
import type { Failure } from '../protocol/status.ts';
import { removeMark } from './marks.ts';

function withoutBookkeeping(row: FailureRow): Failure {
  const { id, table, key, operation, content, base, code, message, user, device, run, at, retriable } = row;
  const { fields, references, group } = row;
  return {
    ...{ id, table, key, operation, content, base, code, message, user, device, run, at, retriable },
    ...(fields === undefined ? {} : { fields }),
    ...(references === undefined ? {} : { references }),
    ...(group === undefined ? {} : { group }),
  };
}

/** Failures, newest first. */
export async function readFailures(
  database: Database,
  page: { readonly limit: number; readonly offset: number },
): Promise<readonly Failure[]> {
  const rows = await database.read(['failures'], (tx) => tx.objectStore('failures').index('at').getAll());
  return rows
    .reverse()
    .slice(page.offset, page.offset + page.limit)
    .map(withoutBookkeeping);
}

/**
 * Makes the change of a failure pending again, under a new mutation id: the server's refusal of the old one is final. The
 * failure goes. Resolves to false if there is none, or no change stands for it any more.
 */
export function retryFailure(database: Database, id: string, mutationId: MutationId): Promise<boolean> {
  return database.write(['failures', 'changes'], async (tx) => {
    const failure = await tx.objectStore('failures').get(id);
    if (failure === undefined || failure.seq === null) return false;
    const rows = await rowsOf(tx, failure.table, failure.key);
    const row = rows.find((candidate) => candidate.seq === failure.seq);
    await tx.objectStore('failures').delete(id);
    if (row === undefined || row.state === 'pending') return false;
    const next = { ...withState(row, 'pending'), mutationId, attempts: 0 };
    // After a conflict the server's copy is what the change is made upon.
    const server = row.server;
    const base =
      server === undefined ? row.base : server.text === null ? null : { text: server.text, version: server.version };
    await tx.objectStore('changes').put({ ...next, base });
    return true;
  });
}

/** Takes a failure away, and the change that stands for it: the record is as the server has it. The user's own word. */
export function discardFailure(
  database: Database,
  id: string,
): Promise<{ readonly table: string; readonly key: string | number } | null> {
  return database.write(['failures', 'changes', 'heads', 'marks'], async (tx) => {
    const failure = await tx.objectStore('failures').get(id);
    if (failure === undefined) return null;
    await tx.objectStore('failures').delete(id);
    const { table, key, seq } = failure;
    if (seq !== null) {
      const rows = await rowsOf(tx, table, key);
      const row = rows.find((candidate) => candidate.seq === seq);
      // An edit made since then is not what failed.
      if (row !== undefined && row.state !== 'pending') {
        await tx.objectStore('changes').delete([table, key, seq]);
        const head = await tx.objectStore('heads').get(table);
        if (head !== undefined && rows.length === 1) await removeMark(tx, head, 'hold', key);
      }
    }
    return { table, key };
  });
}
