import { runLock, type WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isShallow } from '../protocol/record.ts';
import { clearRecords } from '../store/clear.ts';
import { placeOfFailure, readConflicts, resolveFailure } from '../store/conflicts.ts';
import { withCurrentFilter } from '../store/current-filter.ts';
import { deleteRulesOf } from '../store/delete-rules.ts';
import { getMeta, setMeta } from '../store/meta.ts';
import type { Schema } from '../store/schema.ts';
import { checkScope } from '../store/scope.ts';
import { tableOf } from './method-arguments.ts';
import { filterOf } from './query-methods.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { newMutationId } from './new-mutation-id.ts';
import { sessionToWrite } from './signed-in.ts';
import { tellPending } from './state.ts';

type LocalDataMethods = Pick<WorkerMethods, 'setScope' | 'clear' | 'conflicts' | 'resolve'>;

/** What a page's calls about scopes, local copies and conflicts do. */
export function createLocalDataMethods(sessions: Sessions, schema: Schema): LocalDataMethods {
  return {
    setScope: (name, scope) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const table = tableOf(schema, name);
        const checked = checkScope(`setScope: the scope of ${table.name}`, table, scope);
        const scopes = await session.database.write(['meta'], async (tx) => {
          const next = { ...(await getMeta(tx, 'scopes')), [table.name]: checked };
          await setMeta(tx, 'scopes', next);
          return next;
        });
        if (!session.signal.aborted) schema.useScopes(scopes);
        await tellPending(session);
        return true;
      }),
    clear: (name, filter, { params, force = false }) =>
      reply(async () => {
        const session = await sessions.current();
        const { database, base, environment, signal } = session;
        const table = tableOf(schema, name);
        const query = await withCurrentFilter(database, schema, table, filterOf(table, filter, params));
        const result = await environment.locks.request(runLock(database.name), { signal }, () =>
          clearRecords(database, base, table, { query, force, user: session.user, ...environment }),
        );
        const tables = { [table.name]: { changed: null, removed: null } };
        session.announce({ type: 'changed', source: 'local', tables });
        await tellPending(session);
        return result;
      }),
    conflicts: () => reply(async () => readConflicts((await sessions.current()).database)),
    resolve: (id, record) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        if (record !== null && (!isJsonObject(record) || !isShallow(record))) {
          throw new SyncError(
            'invalid-body',
            'resolve takes the whole record, nested 100 deep at most, or null to delete it. Nothing was stored.',
          );
        }
        const place = await placeOfFailure(session.database, id);
        const table = place === null ? undefined : schema.tables.get(place.table);
        if (place === null || table === undefined) return false;
        const { key } = place;
        if (record !== null && record[table.key] !== key) {
          throw new SyncError(
            'invalid-key',
            `The record's ${table.key} is not ${String(key)}. A record keeps its key. Nothing was stored.`,
          );
        }
        const rules =
          record === null ? deleteRulesOf(session, table, { key, newMutationId: () => newMutationId(session) }) : null;
        const { user, environment } = session;
        const { now, newId } = environment;
        const choice = { record, mutationId: newMutationId(session), rules, now: now(), user, newId };
        const row = await resolveFailure(session, id, choice);
        if (row === null) return false;
        const tables = new Map([[row.table, [row.key]]]);
        for (const other of rules?.changed ?? []) {
          tables.set(other.table, [...(tables.get(other.table) ?? []), other.key]);
        }
        const changed = [...tables].map(([name, keys]) => [name, { changed: keys, removed: [] }] as const);
        session.announce({ type: 'changed', source: 'local', tables: Object.fromEntries(changed) });
        await tellPending(session);
        return true;
      }),
  };
}
