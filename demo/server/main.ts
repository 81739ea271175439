import path from 'node:path';
import { startServer } from './server.ts';

const { env } = process;
const root = path.resolve(import.meta.dirname, '../..');
const dataDir = path.resolve(env['DATA_DIR'] ?? path.join(root, 'demo/.data'));
const databaseUrl = env['DATABASE_URL'];
const port = Number(env['PORT'] ?? 4173);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  throw new RangeError(`PORT must be a number from 0 to 65535, not ${env['PORT'] ?? ''}.`);
}

const log = (message: string): void => {
  console.log(message);
};
log(databaseUrl === undefined ? `The data is in ${dataDir}` : 'The data is in the database of DATABASE_URL');
const server = await startServer({
  port,
  appDir: path.resolve(env['APP_DIR'] ?? path.join(root, 'dist-demo/app')),
  ...(env['HOST'] === undefined ? {} : { hostname: env['HOST'] }),
  ...(databaseUrl === undefined ? { dataDir } : { databaseUrl }),
  log,
});
log(`Open ${server.url}`);

let stopping = false;
const stop = (): void => {
  if (stopping) return;
  stopping = true;
  log('Closing');
  server.close().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
