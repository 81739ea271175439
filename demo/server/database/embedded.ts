import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PGlite, types } from '@electric-sql/pglite';
import type { Database, Queryable, SqlRow } from './database.ts';
import { takeFolder } from './folder-lock.ts';

/** PGlite's own go byte by byte, for a file of a megabyte as long as all else together. */
const bytes = {
  parsers: { [types.BYTEA]: (text: string) => Buffer.from(text.slice(2), 'hex') },
  serializers: { [types.BYTEA]: (value: Uint8Array) => `\\x${Buffer.from(value).toString('hex')}` },
};

/** Opens PGlite in `dataDir`, which is made when it is missing; in memory without one, empty or as the image has it. */
export async function openEmbedded(dataDir: string | null, image: Blob | null = null): Promise<Database> {
  if (dataDir !== null) await mkdir(dirname(dataDir), { recursive: true });
  const release = dataDir === null ? () => Promise.resolve() : await takeFolder(dataDir);
  const place = dataDir === null ? {} : { dataDir };
  const contents = image === null ? {} : { loadDataDir: image };
  const engine = await PGlite.create({ ...place, ...contents, ...bytes }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  const asQueryable = (source: Pick<PGlite, 'query'>): Queryable => ({
    query: async (sql, parameters) => (await source.query<SqlRow>(sql, parameters && [...parameters])).rows,
  });
  let closing: Promise<void> | undefined;
  return {
    kind: 'embedded',
    ...asQueryable(engine),
    transaction: (body, options = {}) =>
      engine.transaction(async (tx) => {
        if (options.snapshot === true) await tx.exec('set transaction isolation level repeatable read, read only');
        return body(asQueryable(tx));
      }),
    listen: async (channel, hear) => {
      await engine.listen(channel, hear);
    },
    close: () => (closing ??= engine.close().finally(release)),
  };
}
