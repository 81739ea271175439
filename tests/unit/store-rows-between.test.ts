import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { rowsBetween } from '../../sw/store/changes.ts';
import { createDatabase } from '../../sw/store/database.ts';
import { pendingRow } from './store-fixture.ts';

const keyOf = (number: number): string => `k${String(number).padStart(5, '0')}`;

it('reads the rows of a range in parts, each row once and in order, also where a part ends within a record', async () => {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  // Every second record has two rows: of the first thousand rows the last is the first one of its record.
  const rows = Array.from({ length: 2_100 }, (_value, index) => index).flatMap((index) =>
    Array.from({ length: index % 2 === 0 ? 2 : 1 }, (_one, at) =>
      pendingRow('items', keyOf(index), index * 2 + at + 1),
    ),
  );
  expect(rows[999]?.key).toBe(rows[1000]?.key);
  await database.write(['changes'], async (tx) => {
    await Promise.all([...rows, pendingRow('other', 'a', 9_999)].map((one) => tx.objectStore('changes').put(one)));
  });
  const asked = vi.spyOn(IDBObjectStore.prototype, 'getAll');
  const all = await database.read(['changes'], (tx) => rowsBetween(tx, 'items', null, null));
  const limits = asked.mock.calls.map(([, limit]) => limit);
  asked.mockRestore();
  expect(all).toEqual(rows);
  expect(limits).toHaveLength(4);
  expect(limits.every((limit) => limit !== undefined && limit <= 1000)).toBe(true);
  const some = await database.read(['changes'], (tx) => rowsBetween(tx, 'items', keyOf(3), keyOf(1_500)));
  expect(some).toEqual(rows.filter(({ key }) => key >= keyOf(3) && key < keyOf(1_500)));
});
