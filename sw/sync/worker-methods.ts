import type { PageOptions, WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import { isMutationId, isRecordKey, type RecordKey } from '../protocol/record.ts';
import { runTriggers } from '../protocol/run.ts';
import { statusOfDetail } from '../protocol/status.ts';
import { countByTable, countScope } from '../store/counts.ts';
import { discardFailure, readFailures, retryFailure } from '../store/failures.ts';
import { readHistory } from '../store/history.ts';
import { keyOf, type Schema, type Table } from '../store/schema.ts';
import { setStatus } from '../store/set-status.ts';
import { readView } from '../store/view.ts';
import { toFilterTree, type FilterParameters } from '../filter/index.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { createSignInMethods } from './sign-in-methods.ts';
import { findObstacle, readState, tellPending } from './state.ts';

function pageOf(options: PageOptions): { limit: number; offset: number } {
  const { limit = 100, offset = 0 } = options;
  if (!Number.isInteger(limit) || limit < 0 || !Number.isInteger(offset) || offset < 0) {
    throw new SyncError('invalid-request', 'limit and offset must be whole numbers from 0.');
  }
  return { limit, offset };
}

function tableOf(schema: Schema, name: unknown): Table {
  const table = typeof name === 'string' ? schema.tables.get(name) : undefined;
  if (table !== undefined) return table;
  const declared = [...schema.tables.keys()].join(', ');
  throw new SyncError('unknown-table', `There is no table ${JSON.stringify(name)}. Declared are: ${declared}.`);
}

function recordKeyOf(table: Table, value: unknown): RecordKey {
  const key = isRecordKey(value) ? keyOf(table, value) : null;
  if (key === null) throw new SyncError('invalid-key', `A key of ${table.name} is a ${table.keyType}.`);
  return key;
}

function parametersOf(params: Readonly<Record<string, unknown>> | undefined): FilterParameters {
  const entries = Object.entries(params ?? {}).map(([name, value]) => {
    const isUsable = value === null || ['string', 'number', 'boolean'].includes(typeof value) || value instanceof Date;
    if (!isUsable)
      throw new SyncError('invalid-request', `The parameter :${name} is not a string, number, boolean, date or null.`);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- checked in the line above
    return [name, value as string | number | boolean | null | Date] as const;
  });
  return Object.fromEntries(entries);
}

/** What the calls of a page do, with the sign-ins bound to it. Arguments come from a port and are checked; every method settles with a value or a plain error. */
export function createWorkerMethods(sessions: Sessions, schema: Schema, newId: () => string): WorkerMethods {
  return {
    synchronize: (call, options) => reply(async () => (await sessions.current()).engine.synchronize(call, options)),
    cancel: (call) => reply(async () => (await sessions.current()).engine.cancel(call)),
    requestRun: (trigger) =>
      reply(async () => {
        if (!runTriggers.includes(trigger) || trigger === 'call')
          throw new SyncError('invalid-request', 'There is no such trigger.');
        return (await sessions.current()).engine.requestRun(trigger);
      }),
    state: () => reply(async () => readState(await sessions.observed())),
    whyNotSyncing: () =>
      reply(async () => {
        const session = await sessions.observed();
        return session.user === '' && session.backend.needsUser
          ? { type: 'signed-out' as const }
          : findObstacle(session);
      }),
    history: (options) => reply(async () => readHistory((await sessions.current()).database, pageOf(options))),
    statusOf: (name, value) =>
      reply(async () => {
        const session = await sessions.current();
        const table = tableOf(schema, name);
        const view = await readView(session.database, session.base, table.name, recordKeyOf(table, value));
        return statusOfDetail(view.detail);
      }),
    pending: () =>
      reply(async () => {
        const { database, base } = await sessions.current();
        return database.read(countScope, (tx) => countByTable(tx, base, schema));
      }),
    setStatus: (name, status, filter, options) =>
      reply(async () => {
        const session = await sessions.current();
        const table = tableOf(schema, name);
        const given: unknown = status;
        if (given !== 'synchronized' && given !== 'not-synchronized' && given !== 0 && given !== 1) {
          throw new SyncError('invalid-request', 'A status is synchronized (0) or not-synchronized (1).');
        }
        const wanted = status === 0 || status === 'synchronized' ? 'synchronized' : 'not-synchronized';
        const tree = toFilterTree(filter, { types: table.columnTypes, table: table.name });
        const query = { filter: tree, params: parametersOf(options.params) };
        const count = await setStatus(session.database, session.base, table, { status: wanted, query });
        if (count > 0) {
          session.announce({
            type: 'changed',
            source: 'local',
            tables: { [table.name]: { changed: null, removed: [] } },
          });
          await tellPending(session);
        }
        return count;
      }),
    failures: (options) => reply(async () => readFailures((await sessions.current()).database, pageOf(options))),
    retry: (id) =>
      reply(async () => {
        const session = await sessions.current();
        const mutationId = newId();
        if (!isMutationId(mutationId)) throw new TypeError('newId made no usable id');
        const isPending = await retryFailure(session.database, id, mutationId);
        await tellPending(session);
        return isPending;
      }),
    discard: (id) =>
      reply(async () => {
        const session = await sessions.current();
        const record = await discardFailure(session.database, id);
        if (record === null) return false;
        session.announce({
          type: 'changed',
          source: 'local',
          tables: { [record.table]: { changed: [record.key], removed: [] } },
        });
        await tellPending(session);
        return true;
      }),
    ...createSignInMethods(sessions, newId),
  };
}
