import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { createBase } from '../../sw/store/base.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { isMutationId } from '../../sw/protocol/record.ts';
import { getMeta } from '../../sw/store/meta.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { upgradeSchema } from '../../sw/store/schema-version.ts';
import { openStaging } from '../../sw/store/staging.ts';
import type { TableOptions } from '../../sw/store/schema.ts';

const before: TableOptions = { path: '/items', key: 'id', columns: { name: 'string' } };
type Upgrade = (version: number, items: TableOptions) => Promise<boolean>;

function open(): {
  readonly database: Database;
  readonly base: ReturnType<typeof createBase>;
  readonly upgrade: Upgrade;
} {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const base = createBase();
  const upgrade: Upgrade = async (version, items) =>
    upgradeSchema({
      noted: await database.read(['meta'], (tx) => getMeta(tx, 'schema')),
      ...{ database, base, migrate: null, user: 'ana', now: () => 0, newId: randomUUID },
      schema: parseSchema(version, { items }),
    });
  return { database, base, upgrade };
}

const changes: readonly [string, TableOptions][] = [
  ['another key', { ...before, key: 'code' }],
  ['other columns', { ...before, columns: { name: 'string', stock: 'number' } }],
];

it.each(changes)('drops what was staged of a table that was never downloaded and now has %s', async (_what, after) => {
  const { database, base, upgrade } = open();
  await upgrade(1, before);
  const head = await database.read(['heads'], (tx) => base.readHead(tx, 'items'));
  const row = await openStaging(database, head, { full: true, snapshot: 's' });
  const staged = (): Promise<unknown> => database.read(['runs'], (tx) => tx.objectStore('runs').get(row.id));
  await upgrade(1, before);
  expect(await staged()).toBeDefined();
  await upgrade(2, after);
  expect(await staged()).toBeUndefined();
});

it('brings a record that has more changes than a slice to the new version, and the one behind it (V-3)', async () => {
  const { database, upgrade } = open();
  await upgrade(1, before);
  const rowOf = (key: string, seq: number): ChangeRow => {
    const mutationId = randomUUID();
    if (!isMutationId(mutationId)) throw new Error('not an id');
    return {
      ...{ table: 'items', key, seq, mutationId, operation: seq === 1 ? 'create' : 'update', schema: 1 },
      ...{ text: JSON.stringify({ id: key, name: `${seq}` }), base: null, whole: false },
      ...{ state: 'pending', attempts: 0, madeAt: 0 },
    };
  };
  await database.write(['changes'], async (tx) => {
    for (let seq = 1; seq <= 1_201; seq += 1) await tx.objectStore('changes').put(rowOf('many', seq));
    await tx.objectStore('changes').put(rowOf('one', 1_202));
  });
  expect(await upgrade(2, { ...before, columns: {} })).toBe(false);
  const rows = await database.read(['changes'], (tx) => tx.objectStore('changes').getAll());
  expect(rows.filter(({ schema }) => schema !== 2)).toEqual([]);
});
