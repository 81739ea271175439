import type { PageOptions, WorkerMethods } from '../protocol/api.ts';
import { EncryptionKeyError, SyncError } from '../protocol/errors.ts';
import { runTriggers } from '../protocol/run.ts';
import { statusOfDetail } from '../protocol/status.ts';
import { countByTable, countScope } from '../store/counts.ts';
import { readFailures } from '../store/failures.ts';
import { readHistory } from '../store/history.ts';
import type { Schema } from '../store/schema.ts';
import { readView } from '../store/view.ts';
import { createDraftMethods } from './draft-methods.ts';
import { hasDraft } from './drafts.ts';
import { createFailureMethods } from './failure-methods.ts';
import { createOutcomeMethods } from './outcome-methods.ts';
import { recordKeyOf, tableOf } from './method-arguments.ts';
import { createLocalDataMethods } from './local-data-methods.ts';
import { createReceiveMethods } from './receive-methods.ts';
import { createQueryMethods } from './query-methods.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { createSignInMethods } from './sign-in-methods.ts';
import { isSignedOut } from './signed-in.ts';
import { findObstacle, isStorageFault, readState, stateWhileLocked } from './state.ts';
import { createUnsentMethods } from './unsent-methods.ts';

function pageOf(options: PageOptions): { limit: number; offset: number } {
  const { limit = 100, offset = 0 } = options;
  if (!Number.isInteger(limit) || limit < 0 || !Number.isInteger(offset) || offset < 0) {
    throw new SyncError('invalid-request', 'limit and offset must be whole numbers from 0.');
  }
  return { limit, offset };
}

/** All but those that are made of requests, which the router knows. */
export type SessionMethods = Omit<WorkerMethods, 'group'>;

/** What the calls of a page do, with the sign-ins bound to it. Arguments come from a port and are checked; every method settles with a value or a plain error. */
export function createWorkerMethods(sessions: Sessions, schema: Schema, newId: () => string): SessionMethods {
  return {
    synchronize: (call, options) => reply(async () => (await sessions.current()).engine.synchronize(call, options)),
    cancel: (call) => reply(async () => (await sessions.current()).engine.cancel(call)),
    requestRun: (trigger) =>
      reply(async () => {
        if (!runTriggers.includes(trigger) || trigger === 'call')
          throw new SyncError('invalid-request', 'There is no such trigger.');
        return (await sessions.current()).engine.requestRun(trigger);
      }),
    state: () =>
      reply(async () => {
        try {
          return await readState(await sessions.observed());
        } catch (error) {
          if (error instanceof EncryptionKeyError) return stateWhileLocked;
          throw error;
        }
      }),
    whyNotSyncing: () =>
      reply(async () => {
        try {
          const session = await sessions.observed();
          return isSignedOut(session) ? { type: 'signed-out' as const } : await findObstacle(session);
        } catch (error) {
          if (isStorageFault(error)) return { type: 'storage' as const };
          if (error instanceof EncryptionKeyError) return { type: 'no-credentials' as const };
          throw error;
        }
      }),
    history: (options) => reply(async () => readHistory((await sessions.current()).database, pageOf(options))),
    statusOf: (name, value) =>
      reply(async () => {
        const session = await sessions.current();
        const table = tableOf(schema, name);
        const key = recordKeyOf(table, value);
        const view = await readView(session.database, session.base, table.name, key);
        return statusOfDetail(view.detail === 'clean' && (await hasDraft(session, table, key)) ? 'draft' : view.detail);
      }),
    pending: () =>
      reply(async () => {
        const { database, base } = await sessions.current();
        return database.read(countScope, (tx) => countByTable(tx, base, schema));
      }),
    failures: (options) => reply(async () => readFailures((await sessions.current()).database, pageOf(options))),
    ...createFailureMethods(sessions),
    ...createLocalDataMethods(sessions, schema),
    ...createReceiveMethods(sessions, schema),
    ...createQueryMethods(sessions, schema),
    ...createSignInMethods(sessions, newId),
    ...createDraftMethods(sessions, schema),
    ...createUnsentMethods(sessions),
    ...createOutcomeMethods(sessions),
  };
}
