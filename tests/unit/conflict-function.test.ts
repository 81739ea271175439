import { expect, test } from 'vitest';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import type { ConflictCopies } from '../../sw/store/schema.ts';
import { choose } from '../../sw/sync/conflict-function.ts';

test('a conflict function that is async is left to the user, and fails without being unhandled', async () => {
  const { tables } = parseSchema(1, { visits: { path: '/api/visits', key: 'id' } });
  const table = tables.get('visits');
  if (table === undefined) throw new Error('There is no table.');
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- an app in JavaScript may give one all the same
  const policy = (() => Promise.reject(new Error('offline'))) as unknown as (copies: ConflictCopies) => 'server';
  const copies = { table: 'visits', key: 'v', base: null, local: null, server: null };
  expect(choose(table, policy, copies)).toMatchObject({ type: 'none' });
  // Node tells of it once all that is due has run.
  await new Promise((resolve) => setImmediate(resolve));
  process.removeListener('unhandledRejection', note);
  for (const other of others) process.on('unhandledRejection', other);
  expect(unhandled).toEqual([]);
});
