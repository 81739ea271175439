import { createHash } from 'node:crypto';
import { createApp } from './app.ts';
import { type Database, textOf } from './database/database.ts';
import { openEmbedded } from './database/embedded.ts';
import { openPostgres } from './database/postgres.ts';
import { listen, stop } from './http/listen.ts';
import { startLiveFeed } from './http/live.ts';
import { maintain, startMaintenance } from './maintenance.ts';
import { demoTables } from './schema/demo-tables.ts';
import { migrate, renewEpoch } from './schema/migrations.ts';
import { Catalog, type TableDefinition } from './schema/table-definition.ts';
import { loadFirstPlaces, loadPlaces } from './seed/places.ts';
import { seedSamples } from './seed/samples.ts';

export interface ServerOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly hostname?: string;
  /** A PostgreSQL server. Without it the database is embedded. */
  readonly databaseUrl?: string;
  /** Where the embedded database keeps its files; in memory without it. */
  readonly dataDir?: string;
  /** What an embedded database in memory begins with: a dump of another server's, by `dumpDataDir` of PGlite. @default nothing */
  readonly image?: Blob;
  /** The built app. Without it only the endpoints are served. */
  readonly appDir?: string;
  /** How many of the 171,075 places are loaded at the first start. @default 'all' */
  readonly places?: 'all' | 'none' | number;
  /** Further tables, beside those of the demo. */
  readonly tables?: readonly TableDefinition[];
  /** @default 10 MiB */
  readonly bodyLimitBytes?: number;
  /** The largest file that is taken. @default 64 MiB */
  readonly maxFileBytes?: number;
  readonly log?: (message: string) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly database: Database;
  /** Settles when the places are all there. */
  readonly loaded: Promise<void>;
  /** Finishes the answers that are under way, ends live streams, closes the database. A second call does nothing. */
  readonly close: () => Promise<void>;
}

/**
 * One that was restored from a dump has another epoch, as it has another place: the random part comes along in the dump,
 * the cluster's identifier, its timeline and the database's number do not.
 */
async function readServerEpoch(database: Database): Promise<string> {
  const [row] = await database.query(
    `select concat_ws(' ', (select value from sync_meta where name = 'epoch'), ` +
      '(select system_identifier from pg_control_system()), (select timeline_id from pg_control_checkpoint()), ' +
      '(select oid from pg_database where datname = current_database())) as epoch',
  );
  return createHash('sha256').update(textOf(row, 'epoch')).digest('base64url').slice(0, 22);
}

/**
 * Starts the server and settles when it listens. Places are loaded meanwhile; what asks for them waits for them, all else is
 * answered.
 */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { port = 0, hostname = '127.0.0.1', bodyLimitBytes = 10 * 1_024 * 1_024 } = options;
  const { maxFileBytes = 64 * 1_024 * 1_024 } = options;
  const { places = 'all', log = () => undefined } = options;
  const database =
    options.databaseUrl === undefined
      ? await openEmbedded(options.dataDir ?? null, options.image)
      : openPostgres(options.databaseUrl);
  const closing = new AbortController();
  try {
    const catalog = new Catalog([...demoTables, ...(options.tables ?? [])]);
    await migrate(database, catalog);
    if (options.image !== undefined) await renewEpoch(database);
    const havePlaces = await loadFirstPlaces(database, catalog.get('places'), places);
    await seedSamples(database, catalog, { places: havePlaces });
    const serverEpoch = await readServerEpoch(database);
    const feed = await startLiveFeed(
      database,
      catalog.tables.map(({ name }) => name),
      closing.signal,
    );
    const loaded = loadPlaces(database, catalog.get('places'), { places, log, signal: closing.signal });
    loaded.catch((error: unknown) => {
      log(`The places could not be loaded: ${String(error)}`);
    });
    const context = {
      database,
      catalog,
      serverEpoch,
      bodyLimitBytes,
      maxFileBytes,
      log,
      loaded: (table: string) => (table === 'places' ? loaded : Promise.resolve()),
    };
    const app = createApp(context, feed, options.appDir ?? null);
    const { server, port: actualPort } = await listen(app, { port, hostname });
    const endMaintenance = startMaintenance(() => loaded.then(() => maintain(database, catalog)), log);
    let closed: Promise<void> | undefined;
    return {
      url: `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${actualPort}`,
      port: actualPort,
      database,
      loaded,
      close: () =>
        (closed ??= (async () => {
          closing.abort();
          await stop(server);
          await Promise.allSettled([loaded, endMaintenance()]);
          await database.close();
        })()),
    };
  } catch (error) {
    closing.abort();
    await database.close();
    throw error;
  }
}
