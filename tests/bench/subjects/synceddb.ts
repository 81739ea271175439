import { openDB, SyncManager, type IDBPDatabase } from 'synceddb';
import { newItem } from '../page/items.ts';
import { expose } from '../page/subject.ts';
import { check, time } from '../page/time.ts';

const pageSize = 1000;
let opening: Promise<IDBPDatabase> | undefined;

function open(): Promise<IDBPDatabase> {
  return (opening ??= openDB('synced', 1, {
    upgrade: (db) => void db.createObjectStore('items', { keyPath: 'id' }),
  }));
}

/** Its loops run until they are stopped. */
async function run(isDone: (event: 'fetched' | 'pushed', hasMore: boolean) => boolean): Promise<void> {
  const manager = new SyncManager(await open(), `${location.origin}/synced`, {
    fetchInterval: 600_000,
    updatedAtAttribute: 'seq',
    buildFetchParams: (_store, offset) => {
      // Nothing at the first time, whatever its types say.
      const known = new Map(Object.entries({ ...offset }));
      const after = String(Number(known.get('updatedAt') ?? -1));
      return new URLSearchParams({ after, size: String(pageSize) });
    },
  });
  await new Promise<void>((resolve, reject) => {
    manager.onfetchsuccess = (_store, _entities, hasMore) => {
      if (isDone('fetched', hasMore)) resolve();
    };
    manager.onpushsuccess = () => {
      if (isDone('pushed', false)) resolve();
    };
    manager.onfetcherror = reject;
    manager.start();
  });
  manager.stop();
}

const fetched = (): Promise<void> => run((event, hasMore) => event === 'fetched' && !hasMore);

expose({
  download: async (count: number) => {
    const seconds = await time(fetched);
    check((await (await open()).count('items')) === count, 'not all records are there');
    return seconds;
  },
  delta: () => time(fetched),
  prepare: async (count: number) => {
    const database = await open();
    for (let index = 0; index < count; index += 1) await database.add('items', newItem(index));
    return count;
  },
  upload: async () => {
    const database = await open();
    let left = await database.count('_local_changes');
    return time(() =>
      run((event) => {
        if (event === 'pushed') left -= 1;
        return left === 0;
      }),
    );
  },
});
