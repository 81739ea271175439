import type { WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import { isJsonObject } from '../protocol/record.ts';
import type { Schema } from '../store/schema.ts';
import { noCredentials } from './session.ts';
import { recordKeyOf, tableOf } from './method-arguments.ts';
import { receiveRecords } from './receive.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { sessionToWrite } from './signed-in.ts';

/** What a page's call does that heard of new records from the server. */
export function createReceiveMethods(sessions: Sessions, schema: Schema): Pick<WorkerMethods, 'receive'> {
  return {
    receive: (name, records) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const table = tableOf(schema, name);
        const { direction, scope } = table;
        if (direction === 'up' || direction === 'local' || scope === 'online' || scope === 'never') {
          throw new SyncError('unsupported', `Records of ${table.name} are never downloaded. Nothing was received.`);
        }
        const given: unknown = records;
        if (!Array.isArray(given))
          throw new SyncError('invalid-request', 'receive takes a list of keys or records. Nothing was received.');
        const list: readonly unknown[] = given;
        const keys = list.map((item) => recordKeyOf(table, isJsonObject(item) ? item[table.key] : item));
        if (!(await session.hasCredentials())) throw noCredentials();
        return receiveRecords(session, table, [...new Set(keys)]);
      }),
  };
}
