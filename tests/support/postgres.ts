import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const execute = promisify(execFile);

export interface PostgresCluster {
  /** Of an empty database that belongs to the connecting user. */
  readonly url: string;
  /** Ends the server and removes its files; a second call does nothing. */
  readonly stop: () => Promise<void>;
}

/**
 * Runs the server until standard input closes, which it does however this process ends, SIGKILL included; then stops
 * it without waiting for clients to leave (SIGINT) and removes its folder. Background commands of a shell have no
 * standard input, hence the copy.
 */
const guard = `
trap '' INT TERM
exec 3<&0
"$@" &
server=$!
(cat <&3; kill -INT "$server") >/dev/null 2>&1 &
wait "$server"
code=$?
cd / && rm -rf "$0"
exit "$code"
`;

interface Account {
  readonly uid: number;
  readonly gid: number;
}

function findPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const homebrew = ['/opt/homebrew/opt/postgresql/bin', '/usr/local/opt/postgresql/bin'];
  return [
    ...versions.map((version) => path.join(debian, version, 'bin')),
    ...homebrew,
    ...(process.env['PATH'] ?? '').split(path.delimiter),
  ].find(
    (folder) => folder !== '' && existsSync(path.join(folder, 'initdb')) && existsSync(path.join(folder, 'postgres')),
  );
}

/** PostgreSQL refuses to run as root, so root becomes the user `postgres`, which the package made. */
async function accountToRunAs(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (option) => Number((await execute('id', [option, 'postgres'])).stdout)),
    );
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  } catch {
    // Falls through to the message: `id` knows no such user.
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres to run it as.');
}

/** Resolves once the server accepts connections; rejects with what it wrote when it ends before. */
function whenReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    server.stderr?.on('data', (data: Buffer) => {
      log += data.toString();
      if (log.includes('database system is ready to accept connections')) resolve();
    });
    server.once('error', reject);
    server.once('exit', (code) => {
      reject(new Error(`PostgreSQL ended with code ${String(code)} before it was ready:\n${log}`));
    });
  });
}

/** Why no cluster can be started here, or undefined when one can. */
function whyNoPostgres(): string | undefined {
  if (findPrograms() !== undefined) return undefined;
  return 'PostgreSQL is not installed: neither initdb nor postgres was found. On Debian: apt-get install postgresql.';
}

/**
 * Starts a throw-away PostgreSQL on a free port of the loopback interface, with its files in a temporary folder. It
 * trusts every connection and does not wait for the disk. It ends when this process does, at the latest.
 */
export async function startPostgres(): Promise<PostgresCluster> {
  const programs = findPrograms();
  if (programs === undefined) throw new Error(whyNoPostgres());
  const account = await accountToRunAs();
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-postgres-'));
  try {
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    const options = { ...account, cwd: folder };
    const data = path.join(folder, 'data');
    await execute(
      path.join(programs, 'initdb'),
      [`--pgdata=${data}`, '--username=holdfast', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
      options,
    );
    const port = await freePort();
    const settings = [
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${folder}`,
      'fsync=off',
      'synchronous_commit=off',
      'full_page_writes=off',
      // The readiness message below is looked for in English and on standard error.
      'lc_messages=C',
      'logging_collector=off',
      'log_destination=stderr',
    ];
    const parameters = settings.flatMap((setting) => ['-c', setting]);
    const server = spawn(
      '/bin/sh',
      ['-c', guard, folder, path.join(programs, 'postgres'), '-D', data, '-p', String(port), ...parameters],
      { ...options, stdio: ['pipe', 'ignore', 'pipe'] },
    );
    const ended = new Promise<void>((resolve) => {
      server.once('exit', () => {
        resolve();
      });
    });
    await whenReady(server);
    return {
      url: `postgres://holdfast@127.0.0.1:${port}/postgres`,
      stop: async () => {
        server.stdin.end();
        await ended;
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
