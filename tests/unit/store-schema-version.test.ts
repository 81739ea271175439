import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { createBase } from '../../sw/store/base.ts';
import { createDatabase } from '../../sw/store/database.ts';
import { getMeta } from '../../sw/store/meta.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { upgradeSchema } from '../../sw/store/schema-version.ts';
import { openStaging } from '../../sw/store/staging.ts';
import type { TableOptions } from '../../sw/store/schema.ts';

const before: TableOptions = { path: '/items', key: 'id', columns: { name: 'string' } };
const changes: readonly [string, TableOptions][] = [
  ['another key', { ...before, key: 'code' }],
  ['other columns', { ...before, columns: { name: 'string', stock: 'number' } }],
];

it.each(changes)('drops what was staged of a table that was never downloaded and now has %s', async (_what, after) => {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const base = createBase();
  const upgrade = async (version: number, items: TableOptions): Promise<unknown> =>
    upgradeSchema({
      noted: await database.read(['meta'], (tx) => getMeta(tx, 'schema')),
      ...{ database, base, migrate: null, user: 'ana', now: () => 0, newId: randomUUID },
      schema: parseSchema(version, { items }),
    });
  await upgrade(1, before);
  const head = await database.read(['heads'], (tx) => base.readHead(tx, 'items'));
  const row = await openStaging(database, head, { full: true, snapshot: 's' });
  const staged = (): Promise<unknown> => database.read(['runs'], (tx) => tx.objectStore('runs').get(row.id));
  await upgrade(1, before);
  expect(await staged()).toBeDefined();
  await upgrade(2, after);
  expect(await staged()).toBeUndefined();
});
