import Dexie, { type Table } from 'dexie';
import { fetchItems, slices, type Item } from '../page/items.ts';
import { expose } from '../page/subject.ts';
import { check, time, timeEach } from '../page/time.ts';

const database = new Dexie('dexie');
database.version(1).stores({ items: 'id' });
const table: Table<Item> = database.table('items');

expose({
  download: async (count: number) => {
    const seconds = await time(async () => {
      for (const slice of slices(await fetchItems())) await table.bulkPut(slice);
    });
    check((await table.count()) === count, 'not all records are there');
    return seconds;
  },
  readOne: (reads: number, total: number) =>
    timeEach(reads, (index) => table.get(`k${String((index * 7919) % total).padStart(9, '0')}`)),
  filter: (reads: number, low: number, high: number) =>
    timeEach(reads, () => table.filter(({ stock }) => stock >= low && stock <= high).toArray()),
  filterUpdated: (reads: number, low: string, high: string) =>
    timeEach(reads, () => table.filter(({ updated }) => updated >= low && updated <= high).toArray()),
  count: (reads: number, low: number, high: number) =>
    timeEach(reads, () => table.filter(({ stock }) => stock >= low && stock <= high).count()),
  whole: (reads: number) => timeEach(reads, () => table.toArray()),
  sorted: (reads: number) =>
    timeEach(reads, async () => (await table.toArray()).sort((a, b) => a.price - b.price).slice(0, 50)),
});
