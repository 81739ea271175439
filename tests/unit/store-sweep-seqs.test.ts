import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { isMutationId } from '../../sw/protocol/record.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import { deleteMeta, getMeta, readStamp, setMeta } from '../../sw/store/meta.ts';
import { sweepSeqs } from '../../sw/store/sweep-seqs.ts';

async function put(database: Database, seq: number): Promise<[string, string, number]> {
  const mutationId: unknown = randomUUID();
  if (!isMutationId(mutationId)) throw new TypeError('not an id');
  const fixed = { operation: 'create', base: null, whole: true, schema: 1, state: 'pending', attempts: 0 } as const;
  const row: ChangeRow = { table: 'visits', key: 'a', seq, mutationId, madeAt: 0, text: '{}', ...fixed };
  await database.write(['changes'], (tx) => tx.objectStore('changes').put(row), { isTold: true });
  return ['visits', 'a', seq];
}

it('goes over the index in small parts that may write, each once, and leaves no stamp (P-8)', async () => {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const given = (seq: number): Promise<unknown> => database.write(['meta'], (tx) => setMeta(tx, 'seq', seq));
  await database.write(['changes'], () => Promise.resolve());
  const stamp = await database.read(['meta'], readStamp);
  const spy = vi.spyOn(IDBIndex.prototype, 'getAllKeys');
  const swept = async (shouldYield: () => boolean): Promise<unknown[]> => {
    spy.mockClear();
    await sweepSeqs(database, shouldYield);
    const modes = spy.mock.contexts.map((index) =>
      index instanceof IDBIndex ? index.objectStore.transaction.mode : '',
    );
    expect(modes.every((mode) => mode === 'readwrite')).toBe(true);
    return spy.mock.calls.map(([range]) => (range instanceof IDBKeyRange ? [range.lower, range.upper] : range));
  };
  const never = (): boolean => false;
  await given(499);
  expect(await swept(never)).toEqual([]);
  await given(1600);
  // What is still there leaves its entry when it goes.
  const row = await put(database, 900);
  expect(await swept(() => false)).toEqual([[0, 500]]);
  await database.write(
    ['changes', 'meta'],
    async (tx) => {
      await tx.objectStore('changes').delete(row);
      await deleteMeta(tx, 'seqsSwept');
    },
    { isTold: true },
  );
  let parts = 0;
  expect(await swept(() => (parts += 1) > 1)).toEqual([[0, 500]]);
  expect(await swept(never)).toEqual([
    [500, 1000],
    [1000, 1500],
  ]);
  expect(await swept(never)).toEqual([]);
  spy.mockRestore();
  expect(await database.read(['meta'], (tx) => getMeta(tx, 'seqsSwept'))).toBe(1500);
  expect(await database.read(['meta'], readStamp)).toBe(stamp);
});
