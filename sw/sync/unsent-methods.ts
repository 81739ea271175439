import type { WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import { exportUnsent } from './export-unsent.ts';
import { importUnsent } from './import-unsent.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { sessionToWrite } from './signed-in.ts';
import { tellPending } from './state.ts';

/** What a page's calls about taking unsent work along do. */
export function createUnsentMethods(sessions: Sessions): Pick<WorkerMethods, 'exportUnsent' | 'importUnsent'> {
  return {
    exportUnsent: () => reply(async () => exportUnsent(await sessions.current())),
    importUnsent: (text) =>
      reply(async () => {
        if (typeof text !== 'string') throw new SyncError('invalid-file', 'The file has no text. Nothing was changed.');
        const session = await sessionToWrite(sessions);
        const result = await importUnsent(session, text);
        const tables = [...session.schema.tables.keys()];
        session.announce({
          type: 'changed',
          source: 'local',
          tables: Object.fromEntries(tables.map((table) => [table, { changed: null, removed: [] }] as const)),
        });
        await tellPending(session);
        return result;
      }),
  };
}
