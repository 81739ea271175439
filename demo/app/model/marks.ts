import type { StatusDetail, SyncClient } from 'holdfast/client';
import type { ListAnswer } from './api.ts';

/**
 * The finer status of each record of a list, by key; those that are synchronized are left out. The answer brings it; where it
 * does not, the client is asked record by record.
 */
export async function marksOf(
  sync: SyncClient,
  list: { readonly table: string; readonly keys: readonly (string | number)[]; readonly answer: ListAnswer<unknown> },
): Promise<ReadonlyMap<string, StatusDetail>> {
  const { table, keys, answer } = list;
  if (answer.marks !== null) return answer.marks;
  const marks = new Map<string, StatusDetail>();
  if (answer.notSynchronized === 0) return marks;
  await Promise.all(
    keys.map(async (key) => {
      const { detail } = await sync.statusOf(table, key);
      if (detail !== 'clean') marks.set(String(key), detail);
    }),
  );
  return marks;
}
