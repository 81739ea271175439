import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { startServer, type RunningServer, type ServerOptions } from '../../demo/server/server.ts';

const root = path.join(import.meta.dirname, '../..');
const folder = path.join(root, 'node_modules/.cache/databases');
/** All that makes a database what it is after its server's start. */
const sources = ['demo/server', 'sw/protocol', 'package-lock.json'];

function digestOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const named of paths.map((name) => path.join(root, name))) {
    const below = statSync(named).isDirectory()
      ? readdirSync(named, { recursive: true, encoding: 'utf8' }).sort()
      : [''];
    for (const file of below.map((name) => path.join(named, name))) {
      if (statSync(file).isFile()) hash.update(path.relative(root, file)).update('\0').update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}

type Places = NonNullable<ServerOptions['places']>;

/** What a server on an empty database has made of it. */
async function makeImage(places: Places): Promise<ArrayBuffer> {
  const work = await mkdtemp(path.join(tmpdir(), 'holdfast-database-'));
  const dataDir = path.join(work, 'data');
  try {
    const server = await startServer({ dataDir, places });
    await server.loaded;
    await server.close();
    const database = await PGlite.create({ dataDir });
    const dump = await database.dumpDataDir('none');
    await database.close();
    return await dump.arrayBuffer();
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Kept beside the packages, as it takes seconds to make. */
async function imageOf(places: Places): Promise<Blob> {
  const kind = `places-${places}-`;
  const name = `${kind}${digestOf(sources).slice(0, 16)}.tar`;
  const kept = await readFile(path.join(folder, name)).catch(() => null);
  if (kept !== null) return new Blob([kept]);
  const made = await makeImage(places);
  await mkdir(folder, { recursive: true });
  // Whole at once: other test files may look for it.
  const part = path.join(folder, `${randomUUID()}.part`);
  await writeFile(part, new Uint8Array(made));
  await rename(part, path.join(folder, name));
  const older = (await readdir(folder)).filter((other) => other.startsWith(kind) && other !== name);
  await Promise.all(older.map((other) => rm(path.join(folder, other), { force: true })));
  return new Blob([made]);
}

/** The demo's server. An embedded database in memory is a copy of one that is kept, and by its epoch another one. */
export async function startDemoServer(options: ServerOptions & { readonly places: Places }): Promise<RunningServer> {
  const isEmbedded = options.databaseUrl === undefined && options.dataDir === undefined;
  return startServer(isEmbedded ? { ...options, image: await imageOf(options.places) } : options);
}
