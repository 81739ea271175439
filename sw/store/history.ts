import type { AnyTransaction, Database, WriteTransaction } from './database.ts';
import type { SynchronizeResult } from '../protocol/run.ts';

const runsKept = 100;

/** Adds a run to the history and forgets what is beyond the last hundred (S-15). */
export async function addToHistory(tx: WriteTransaction, result: SynchronizeResult): Promise<void> {
  const store = tx.objectStore('history');
  await store.put(result);
  const keys = await store.getAllKeys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - runsKept)).map((key) => store.delete(key)));
}

/** The newest run; null: none yet. */
export async function lastInHistory(tx: AnyTransaction): Promise<SynchronizeResult | null> {
  const store = tx.objectStore('history');
  const cursor = await store.openKeyCursor(null, 'prev');
  return cursor === null ? null : ((await store.get(cursor.key)) ?? null);
}

/** Runs, newest first. */
export async function readHistory(
  database: Database,
  page: { readonly limit: number; readonly offset: number },
): Promise<readonly SynchronizeResult[]> {
  return database.read(['history'], async (tx) => {
    const store = tx.objectStore('history');
    const keys = (await store.getAllKeys()).reverse().slice(page.offset, page.offset + page.limit);
    const results = await Promise.all(keys.map((key) => store.get(key)));
    return results.filter((result) => result !== undefined);
  });
}
