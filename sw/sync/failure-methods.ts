import type { WorkerMethods } from '../protocol/api.ts';
import { discardFailure, retryFailure } from '../store/failures.ts';
import { newMutationId } from './new-mutation-id.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { sessionToWrite } from './signed-in.ts';
import { tellPending } from './state.ts';
import { noteArrival } from './unknown-outcomes.ts';

type FailureMethods = Pick<WorkerMethods, 'retry' | 'discard' | 'sendAgain' | 'arrived'>;

/** What a page's calls about failures do. */
export function createFailureMethods(sessions: Sessions): FailureMethods {
  return {
    retry: (id) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const isPending = await retryFailure(session.database, id, () => newMutationId(session));
        await tellPending(session);
        return isPending;
      }),
    discard: (id) =>
      reply(async () => {
        const session = await sessions.current();
        const record = await discardFailure(session.database, id);
        if (record === null) return false;
        if (record.table !== '') {
          session.announce({
            type: 'changed',
            source: 'local',
            tables: { [record.table]: { changed: [record.key], removed: [] } },
          });
        }
        await tellPending(session);
        return true;
      }),
    sendAgain: (id) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const isPending = await retryFailure(session.database, id, () => newMutationId(session), 'unknown');
        await tellPending(session);
        return isPending;
      }),
    arrived: (id) =>
      reply(async () => {
        const session = await sessions.current();
        const isNoted = await noteArrival(session, id);
        await tellPending(session);
        return isNoted;
      }),
  };
}
