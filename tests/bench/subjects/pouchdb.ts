import PouchDB from 'pouchdb-browser';
import { fetchItems, newItem, slices } from '../page/items.ts';
import { expose } from '../page/subject.ts';
import { check, time, timeEach } from '../page/time.ts';

const database = new PouchDB('pouch', { auto_compaction: true });
const remote = `${location.origin}/couch`;
const batch = { batch_size: 1000 };

let kept = 0;
let reported = 0;

expose({
  /** Without its replication, which would take longer: the rows are fetched and stored in bulk. */
  download: async (count: number) => {
    const seconds = await time(async () => {
      for (const slice of slices(await fetchItems())) {
        await database.bulkDocs(slice.map(({ id, ...rest }) => ({ _id: id, ...rest })));
      }
    });
    check((await database.info()).doc_count === count, 'not all records are there');
    return seconds;
  },
  /** The first replication, for what a delta later continues. */
  replicate: () => time(() => database.replicate.from(remote, batch)),
  delta: () => time(() => database.replicate.from(remote, batch)),
  prepare: async (count: number) => {
    const items = Array.from({ length: count }, (_, index) => newItem(index));
    await database.bulkDocs(items.map(({ id, ...rest }) => ({ _id: id, ...rest })));
    return count;
  },
  upload: () => time(() => database.replicate.to(remote, batch)),
  /** A replication that met a fault is over, and begun again. */
  uploadAll: (most: number) =>
    time(async () => {
      kept = 1;
      for (let attempt = 0; attempt < most && kept > 0; attempt += 1) {
        try {
          const result: unknown = await database.replicate.to(remote, batch);
          reported += Number(Reflect.get(Object(result), 'doc_write_failures'));
          kept = 0;
        } catch {
          kept = (await database.info()).doc_count;
        }
      }
    }),
  settled: () => Promise.resolve([kept, reported]),
  edit: async (edits: number, records: number) => {
    for (let index = 0; index < records; index += 1) {
      const { id, ...rest } = newItem(index);
      await database.put({ _id: id, ...rest });
    }
    return timeEach(edits, async (index) => {
      const document = await database.get(newItem(index % records).id);
      await database.put({ ...document, stock: index });
    });
  },
  readOne: (reads: number, total: number) =>
    timeEach(reads, (index) => database.get(`k${String((index * 7919) % total).padStart(9, '0')}`)),
});
