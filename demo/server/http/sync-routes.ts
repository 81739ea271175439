import { type Context, Hono } from 'hono';
import type { JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';
import {
  type DownloadTable,
  protocolVersion,
  type ReadResponse,
  type SettleResponse,
  type UploadResponse,
} from '../../../sw/protocol/wire.ts';
import { everything } from '../read/condition.ts';
import { download } from '../read/download.ts';
import { filterCondition } from '../read/filter-sql.ts';
import type { Reading } from '../read/pages.ts';
import { applyChanges } from '../write/apply-changes.ts';
import { fence, readLedger } from '../write/ledger.ts';
import { replay } from '../write/replay.ts';
import { isReadable, WorkingSet } from '../write/working-set.ts';
import { readJson } from './body.ts';
import { type Environment, type ServerContext, sessionOf, usersOf } from './environment.ts';
import { readFailures, storeFailures } from './failure-log.ts';
import { fileRoutes } from './file-routes.ts';
import { liveResponse, type LiveFeed } from './live.ts';
import { ProblemError } from './problem.ts';
import { textStream } from './text-stream.ts';
import {
  asDownloadRequest,
  asFailuresRequest,
  asReadRequest,
  asSettleRequest,
  asUploadRequest,
} from './wire-guards.ts';

/** The batch protocol, see wire.ts. */
export function syncRoutes(server: ServerContext, feed: LiveFeed): Hono<Environment> {
  const { database, catalog, serverEpoch } = server;
  const routes = new Hono<Environment>();
  const body = (context: Context) => readJson(context.req.raw, server.bodyLimitBytes);

  // Tells whether the server can be reached, and as whom, so it wants no credentials.
  routes.get('/ping', (context) => context.body(null, 204));

  routes.post('/upload', async (context) => {
    const { user } = sessionOf(context);
    const { changes, onConflict, group } = asUploadRequest(await body(context));
    const writing = { catalog, user, users: usersOf(context), onConflict };
    const applied = await applyChanges(database, writing, changes, { group: group !== undefined });
    const outcomes = applied.map(({ outcome }) => outcome);
    const response: UploadResponse = { protocol: protocolVersion, serverEpoch, outcomes };
    return context.json(response);
  });

  routes.post('/settle', async (context) => {
    const { user } = sessionOf(context);
    const request = asSettleRequest(await body(context));
    const found = await database.transaction(async (tx) => {
      if (request.fence) await fence(tx, user, request.mutationIds);
      const rows = await readLedger(tx, user, request.mutationIds);
      return replay(tx, { catalog, user }, [...rows.values()]);
    });
    const outcomes = request.mutationIds.map(
      (mutationId) => found.get(mutationId) ?? { type: 'unknown' as const, mutationId },
    );
    const response: SettleResponse = { protocol: protocolVersion, serverEpoch, outcomes };
    return context.json(response);
  });

  routes.post('/read', async (context) => {
    const { user } = sessionOf(context);
    const request = asReadRequest(await body(context));
    const tables: ReadResponse['tables'][number][] = [];
    for (const { table: name, keys } of request.tables) {
      const table = catalog.find(name);
      if (table === undefined) throw new ProblemError(404, 'unknown-table', `There is no table ${name}.`);
      const set = new WorkingSet(database, user);
      await set.load(table, keys, false);
      const records = keys.map((key): { key: RecordKey; record: JsonRecord | null; version: string | null } => {
        const state = set.find(table, key)?.current ?? null;
        if (state === null || !isReadable(state, user)) return { key, record: null, version: null };
        return { key, record: state.record, version: String(state.version) };
      });
      tables.push({ table: name, records });
    }
    const response: ReadResponse = { protocol: protocolVersion, serverEpoch, tables };
    return context.json(response);
  });

  routes.post('/download', async (context) => {
    const { user, accessEpoch } = sessionOf(context);
    const request = asDownloadRequest(await body(context));
    const readings = new Map(request.tables.map((table) => [table, readingOf(table, user)]));
    const open = async (asked: DownloadTable): Promise<Reading | { readonly refused: string }> => {
      const reading = readings.get(asked);
      if (reading === undefined) return { refused: `There is no table ${asked.table}.` };
      await server.loaded(asked.table);
      return reading;
    };
    return new Response(textStream(download({ database, serverEpoch, user, accessEpoch, open }, request)), {
      headers: { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' },
    });
  });

  /** A filter that does not fit its table is refused here, before the stream begins. */
  function readingOf({ table: name, scope }: DownloadTable, user: string): Reading {
    const table = catalog.find(name);
    if (table === undefined) throw new ProblemError(404, 'unknown-table', `There is no table ${name}.`);
    if (scope.type === 'all') return { table, user, scope: everything, whole: true };
    return { table, user, scope: filterCondition(table, scope.filter, scope.params), whole: false };
  }

  routes.post('/failures', async (context) => {
    const { user } = sessionOf(context);
    const { failures } = asFailuresRequest(await body(context));
    await storeFailures(database, user, failures);
    return context.body(null, 204);
  });
  routes.get('/failures', async (context) => context.json(await readFailures(database, sessionOf(context).user)));
  routes.get('/live', (context) => liveResponse(feed, sessionOf(context).user, context.req.raw.signal));
  routes.route('/files', fileRoutes(server));
  return routes;
}
