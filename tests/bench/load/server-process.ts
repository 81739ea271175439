import { type RunningServer, startServer } from '../../../demo/server/server.ts';
import { maintain } from '../../../demo/server/maintenance.ts';
import { demoTables } from '../../../demo/server/schema/demo-tables.ts';
import { Catalog } from '../../../demo/server/schema/table-definition.ts';
import type { Answer, Ask } from './messages.ts';

const sampleMs = 50;
const rowsAtOnce = 250_000;

const fill =
  'insert into places (id, name, country, lat, lng, _owner, _version, _edited, _xact, _text) ' +
  `select id, name, 'ZZ', lat, lng, '', 1, 1, pg_current_xact_id(), ` +
  `json_build_object('id', id, 'name', name, 'country', 'ZZ', 'lat', lat, 'lng', lng)::text from ` +
  `(select 'ZZ-' || lpad(g::text, 9, '0') as id, 'Place number ' || g as name, g % 180 - 90.0 as lat, g % 360 - 180.0 as lng ` +
  'from generate_series($1::int, $2::int) as g) as made';
const touch =
  'update places set _version = _version + 1, _xact = pg_current_xact_id() where id = any ' +
  `(select 'ZZ-' || lpad((g * $1::bigint)::text, 9, '0') from generate_series(1, $2::int) as g)`;

function isAsk(message: unknown): message is Ask {
  return typeof message === 'object' && message !== null && 'type' in message;
}

/** Serves until it is told to stop. */
export function serve(): void {
  let server: RunningServer | undefined;
  let peakBytes = 0;
  let filled = 0;
  const sampling = setInterval(() => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }, sampleMs);

  const running = (): RunningServer => {
    if (server === undefined) throw new Error('The server was not started.');
    return server;
  };
  const answer = async (ask: Ask): Promise<Answer> => {
    switch (ask.type) {
      case 'start': {
        const where = ask.databaseUrl === null ? { dataDir: ask.dataDir } : { databaseUrl: ask.databaseUrl };
        server = await startServer({ ...where, places: 'none' });
        return { url: server.url };
      }
      case 'users':
        await running().database.query(
          `insert into sync_users (name, token) select 'user-' || g, 'token-' || g from generate_series(1, $1::int) as g`,
          [ask.count],
        );
        return {};
      case 'rows': {
        const { database } = running();
        for (; filled < ask.count; filled = Math.min(ask.count, filled + rowsAtOnce)) {
          await database.query(fill, [filled + 1, Math.min(ask.count, filled + rowsAtOnce)]);
        }
        await maintain(database, new Catalog(demoTables));
        if (database.kind === 'postgresql') await database.query('analyze places');
        return {};
      }
      case 'touch':
        await running().database.query(touch, [Math.floor(ask.rows / ask.count), ask.count]);
        return {};
      case 'memory': {
        const peak = Math.max(peakBytes, process.memoryUsage.rss());
        peakBytes = 0;
        return { peakBytes: peak };
      }
      case 'stop':
        clearInterval(sampling);
        await server?.close();
        return {};
    }
  };
  process.on('message', (message: unknown) => {
    if (!isAsk(message)) return;
    void answer(message)
      .catch((error: unknown): Answer => ({ error: String(error) }))
      .then((reply) => {
        process.send?.(reply);
        if (message.type === 'stop') process.disconnect();
      });
  });
}
