import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { createBase, type Base } from '../../sw/store/base.ts';
import { changeCountScope, countChanges, keepCounts } from '../../sw/store/change-counts.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import { readStamp } from '../../sw/store/meta.ts';
import { download, type Item, write } from './store-fixture.ts';

const item = (id: string, stock: number): Item => ({ id, stock, name: `item ${id}`, filler: '' });

function counted(database: Database, base: Base): Promise<number> {
  return database.read(changeCountScope, async (tx) => (await countChanges(tx, base)).get('items') ?? 0);
}

it('counts what was added since the last time, and all again where something else has changed', async () => {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const base = createBase();
  await download(database, base, true, [item('a', 1), item('b', 1)], []);
  expect(await counted(database, base)).toBe(0);
  // The first write learns what the next ones are guessed with.
  for (const key of ['c', 'd', 'e']) await write(database, base, key, item(key, 1));
  expect(await counted(database, base)).toBe(3);

  const count = vi.spyOn(IDBObjectStore.prototype, 'count');
  for (const key of ['f', 'g']) await write(database, base, key, item(key, 1));
  expect(await counted(database, base)).toBe(5);
  expect(count).not.toHaveBeenCalled();
  count.mockRestore();

  // Edited once more it is the same row, and a new record that is deleted leaves none.
  await write(database, base, 'c', item('c', 2));
  await write(database, base, 'd', null);
  expect(await counted(database, base)).toBe(4);
  // Another worker's.
  await write(database, createBase(), 'e', null);
  await write(database, createBase(), 'h', item('h', 1));
  expect(await counted(database, base)).toBe(4);
  expect(await counted(database, createBase())).toBe(4);
});

it('keeps its counts over a transaction that took rows away, but for those it had not counted', async () => {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const base = createBase();
  await download(database, base, true, [item('a', 1)], []);
  for (const key of ['b', 'c', 'd', 'e']) await write(database, base, key, item(key, 1));
  expect(await counted(database, base)).toBe(4);
  await write(database, base, 'f', item('f', 1));
  const rows = await database.read(['changes'], (tx) => tx.objectStore('changes').getAll());
  const gone = rows.filter(({ key }) => key === 'b' || key === 'f');
  const from = await database.read(['meta'], readStamp);
  const to = randomUUID();
  await database.write(
    ['changes'],
    (tx) => Promise.all(gone.map(({ table, key, seq }) => tx.objectStore('changes').delete([table, key, seq]))),
    { stamp: to },
  );
  keepCounts(base, { from, to, gone });
  const count = vi.spyOn(IDBObjectStore.prototype, 'count');
  expect(await counted(database, base)).toBe(3);
  expect(count).not.toHaveBeenCalled();
  count.mockRestore();

  // Another stamp: somebody else wrote meanwhile.
  await write(database, createBase(), 'b', null);
  await write(database, createBase(), 'c', null);
  keepCounts(base, { from: randomUUID(), to: (await database.read(['meta'], readStamp)) ?? '', gone: [] });
  expect(await counted(database, base)).toBe(2);
});
