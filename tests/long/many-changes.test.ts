import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { createBase } from '../../sw/store/base.ts';
import { createDatabase } from '../../sw/store/database.ts';
import { readList } from '../../sw/store/list.ts';
import { download, pendingRow, theTable } from '../unit/store-fixture.ts';

const keyOf = (number: number): string => `k${String(number).padStart(6, '0')}`;

it('lists 130,000 unsent records that all come behind the last leaf', async () => {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const base = createBase();
  await download(database, base, true, [{ id: 'a', stock: 1, name: 'first', filler: '' }], []);
  const rows = Array.from({ length: 130_000 }, (_value, index) => pendingRow('items', keyOf(index), index + 1));
  await database.write(['changes'], async (tx) => {
    for (const one of rows) void tx.objectStore('changes').put(one);
    await tx.done;
  });
  const plain = { filter: null, params: {}, orderBy: [], limit: 1, offset: 0 };
  const list = await readList(database, base, theTable(), { ...plain, status: 'not-synchronized' });
  expect(list).toMatchObject({ total: 130_000, notClean: [{ key: keyOf(0) }] });
}, 60_000);
