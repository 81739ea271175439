import type { Database } from './database.ts';
import { storeNames, type StoreName } from './format.ts';
import { clearStores } from './sealed-transaction.ts';

const rowsAtOnce = 64;
/** Chunks of files have a megabyte each. */
const chunksAtOnce = 4;

/**
 * Encrypts the rows that were stored before encryption was switched on. `database` has the cipher: what it reads it opens, and
 * what it writes it seals. Stopped anywhere, it can be done again.
 */
export async function sealStoredRows(database: Database): Promise<void> {
  for (const name of storeNames.filter((store) => !clearStores.includes(store))) await sealStore(database, name);
}

async function sealStore(database: Database, name: StoreName): Promise<void> {
  const keys = await database.read([name], (tx) => tx.objectStore(name).getAllKeys());
  const atOnce = name === 'files' ? chunksAtOnce : rowsAtOnce;
  for (let start = 0; start < keys.length; start += atOnce) {
    const slice = keys.slice(start, start + atOnce);
    await database.write([name], async (tx) => {
      const store = tx.objectStore(name);
      await Promise.all(
        slice.map(async (key) => {
          const row = await store.get(key);
          if (row === undefined) return;
          await (store.keyPath === null ? store.put(row, key) : store.put(row));
        }),
      );
    });
  }
}
