import { isJsonObject } from '../protocol/record.ts';
import type { Witness } from './witness.ts';

/** Notes in Cache Storage, under addresses that no page asks for. */
export function createCacheWitness(app: string, caches: CacheStorage | undefined): Witness {
  const urlOf = (name: string): string => `/.holdfast/${encodeURIComponent(name)}`;
  const inCache = async <T>(work: (cache: Cache) => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return caches === undefined ? otherwise : await work(await caches.open(`holdfast:${app}`));
    } catch {
      // Private windows and full disks: there is no second place then.
      return otherwise;
    }
  };
  return {
    read: (name) =>
      inCache(async (cache) => {
        const answer = await cache.match(urlOf(name));
        const note: unknown = await answer?.json();
        return isJsonObject(note) ? note : null;
      }, null),
    write: (name, note) => inCache((cache) => cache.put(urlOf(name), Response.json(note)), undefined),
    remove: (name) =>
      inCache(async (cache) => {
        await cache.delete(urlOf(name));
      }, undefined),
  };
}
