import { untilUnmoved } from './base.ts';
import { StaleReadError, type Database, type Reader } from './database.ts';
import type { StoreName } from './format.ts';

const attemptsInSlices = 4;

/**
 * Reads in slices, so that no write waits long; again if what it rests on moved meanwhile. Where it goes on moving, as
 * under an upload of many batches, all is read in one transaction, which nothing can move and writes wait for.
 */
export async function readSteadily<T>(
  database: Database,
  stores: StoreName[],
  read: (reader: Reader) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < attemptsInSlices; attempt += 1) {
    try {
      return await read(database);
    } catch (error) {
      if (!(error instanceof StaleReadError)) throw error;
    }
  }
  return untilUnmoved(() => database.read(stores, (tx) => read({ read: (_stores, work) => work(tx) })));
}
