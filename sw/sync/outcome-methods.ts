import type { WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import type { WriteOutcome } from '../protocol/outcome.ts';
import { currentKey } from '../store/aliases.ts';
import { outcomeOfRequest, outcomeScope } from '../store/outcomes.ts';
import { explicitRowKey } from '../store/requests.ts';
import { reply } from './reply.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

function readOutcome({ database, schema }: Session, idempotencyKey: string): Promise<WriteOutcome> {
  return database.read([...outcomeScope, 'drafts', 'aliases'], async (tx): Promise<WriteOutcome> => {
    const row = await tx.objectStore('requests').get(explicitRowKey(idempotencyKey));
    if (row === undefined) return { type: 'unknown' };
    const table = schema.tables.get(row.table);
    const key = table === undefined ? row.key : await currentKey(tx, table, row.key);
    const of = { table: row.table, key };
    if (row.seqs !== undefined) return { ...of, ...(await outcomeOfRequest(tx, row.seqs)) };
    const draft = await tx.objectStore('drafts').get([row.table, key]);
    return draft === undefined ? { type: 'unknown' } : { ...of, type: 'pending', detail: 'draft' };
  });
}

/** What a page's call about the fate of a write does. */
export function createOutcomeMethods(sessions: Sessions): Pick<WorkerMethods, 'outcomeOf'> {
  return {
    outcomeOf: (idempotencyKey) =>
      reply(async () => {
        if (typeof idempotencyKey !== 'string' || idempotencyKey === '') {
          throw new SyncError('invalid-request', 'outcomeOf takes the text of an Idempotency-Key.');
        }
        return readOutcome(await sessions.current(), idempotencyKey);
      }),
  };
}
