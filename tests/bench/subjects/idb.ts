import { openDB, type IDBPDatabase } from 'idb';
import { fetchItems, slices, type Item } from '../page/items.ts';
import { expose } from '../page/subject.ts';
import { check, time, timeEach } from '../page/time.ts';

let opening: Promise<IDBPDatabase> | undefined;

/** As one would write it: a row a record, thousands a transaction. */
function open(): Promise<IDBPDatabase> {
  return (opening ??= openDB('rows', 1, {
    upgrade: (db) => void db.createObjectStore('items', { keyPath: 'id' }),
  }));
}

async function store(items: readonly Item[]): Promise<void> {
  const database = await open();
  for (const slice of slices(items)) {
    const transaction = database.transaction('items', 'readwrite', { durability: 'relaxed' });
    for (const item of slice) void transaction.store.put(item);
    await transaction.done;
  }
}

async function all(): Promise<readonly Item[]> {
  return (await open()).getAll('items');
}

expose({
  download: async (count: number) => {
    const database = await open();
    const seconds = await time(async () => store(await fetchItems()));
    check((await database.count('items')) === count, 'not all records are there');
    return seconds;
  },
  readOne: async (reads: number, total: number) => {
    const database = await open();
    return timeEach(reads, (index) => database.get('items', `k${String((index * 7919) % total).padStart(9, '0')}`));
  },
  filter: (reads: number, low: number, high: number) =>
    timeEach(reads, async () => (await all()).filter(({ stock }) => stock >= low && stock <= high)),
  count: (reads: number, low: number, high: number) =>
    timeEach(reads, async () => (await all()).filter(({ stock }) => stock >= low && stock <= high).length),
  filterUpdated: (reads: number, low: string, high: string) =>
    timeEach(reads, async () => (await all()).filter(({ updated }) => updated >= low && updated <= high)),
  sorted: (reads: number) =>
    timeEach(reads, async () => [...(await all())].sort((a, b) => a.price - b.price).slice(0, 50)),
  whole: (reads: number) => timeEach(reads, all),
});
