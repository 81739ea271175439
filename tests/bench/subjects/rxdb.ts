import { createRxDatabase, type RxCollection, type WithDeleted } from 'rxdb/plugins/core';
import { replicateRxCollection } from 'rxdb/plugins/replication';
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';
import { newItem, type Item } from '../page/items.ts';
import { expose } from '../page/subject.ts';
import { check, time, timeEach } from '../page/time.ts';

interface Checkpoint {
  readonly at: number;
}

interface Pulled {
  readonly documents: WithDeleted<Item>[];
  readonly checkpoint: Checkpoint;
}

function isPulled(value: unknown): value is Pulled {
  return typeof value === 'object' && value !== null && 'documents' in value && 'checkpoint' in value;
}

const batchSize = 1000;

async function open(): Promise<RxCollection<Item>> {
  const database = await createRxDatabase({ name: 'rx', storage: getRxStorageDexie(), multiInstance: false });
  const text = { type: 'string' } as const;
  const collections = await database.addCollections<{ items: RxCollection<Item> }>({
    items: {
      schema: {
        version: 0,
        primaryKey: 'id',
        type: 'object',
        properties: {
          id: { type: 'string', maxLength: 20 },
          name: text,
          stock: { type: 'number' },
          price: { type: 'number' },
          category: text,
          updated: text,
          desc: text,
        },
      },
    },
  });
  return collections.items;
}

let opening: Promise<RxCollection<Item>> | undefined;

function collection(): Promise<RxCollection<Item>> {
  return (opening ??= open());
}

/** @returns the conflicts, of which this server has none */
async function push(rows: unknown): Promise<WithDeleted<Item>[]> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch('/rx/push', { method: 'POST', body: JSON.stringify({ rows }), headers });
  check(answer.ok, `a push was answered ${answer.status}`);
  const conflicts: unknown = await answer.json();
  check(Array.isArray(conflicts) && conflicts.length === 0, 'a push was answered with something else');
  return [];
}

/** Replicates until both sides are equal, then ends. */
async function replicate(direction: 'pull' | 'push', mostMs = 0): Promise<boolean> {
  const state = replicateRxCollection<Item, Checkpoint>({
    collection: await collection(),
    replicationIdentifier: direction,
    live: false,
    retryTime: 100,
    ...(direction === 'pull'
      ? {
          pull: {
            batchSize,
            handler: async (checkpoint, limit) => {
              const answer = await fetch(`/rx/pull?after=${checkpoint?.at ?? 0}&limit=${limit}`);
              const pulled: unknown = await answer.json();
              if (!isPulled(pulled)) throw new Error('The server answered something else.');
              return pulled;
            },
          },
        }
      : {
          push: {
            batchSize,
            handler: push,
          },
        }),
  });
  const done = state.awaitInitialReplication().then(() => true);
  const isDone = await (mostMs === 0 ? done : Promise.race([done, sleep(mostMs)]));
  // One that meets the same refusal again and again does not end; a reload would end it.
  await Promise.race([state.cancel(), sleep(5_000)]);
  return isDone;
}

async function sleep(ms: number): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return false;
}

/** What is not yet known to be at the server; it does not say which of a batch is at fault. */
let kept = 0;

expose({
  download: async (count: number) => {
    const items = await collection();
    const seconds = await time(() => replicate('pull'));
    check((await items.count().exec()) === count, 'not all records are there');
    return seconds;
  },
  delta: () => time(() => replicate('pull')),
  prepare: async (count: number) => {
    const items = await collection();
    await items.bulkInsert(Array.from({ length: count }, (_, index) => newItem(index)));
    return count;
  },
  upload: () => time(() => replicate('push')),
  uploadAll: (most: number) =>
    time(async () => {
      const items = await collection();
      kept = (await replicate('push', most * 500)) ? 0 : await items.count().exec();
    }),
  settled: () => Promise.resolve([kept, 0]),
  edit: async (edits: number, records: number) => {
    const items = await collection();
    await items.bulkInsert(Array.from({ length: records }, (_, index) => newItem(index)));
    return timeEach(edits, (index) => items.incrementalUpsert({ ...newItem(index % records), stock: index }));
  },
  readOne: async (reads: number, total: number) => {
    const items = await collection();
    return timeEach(reads, (index) => items.findOne(`k${String((index * 7919) % total).padStart(9, '0')}`).exec());
  },
  filter: async (reads: number, low: number, high: number) => {
    const items = await collection();
    return timeEach(reads, (index) =>
      // Another query each time: equal ones come from RxDB's cache.
      items.find({ selector: { stock: { $gte: low - index / 1000, $lte: high } } }).exec(),
    );
  },
  filterUpdated: async (reads: number, low: string, high: string) => {
    const items = await collection();
    return timeEach(reads, (index) =>
      items.find({ selector: { updated: { $gte: low, $lte: high }, stock: { $gte: -1 - index } } }).exec(),
    );
  },
  count: async (reads: number, low: number, high: number) => {
    const items = await collection();
    return timeEach(reads, async (index) => {
      const selector = { stock: { $gte: low - (index + 500) / 1000, $lte: high } };
      return (await items.find({ selector }).exec()).length;
    });
  },
  sorted: async (reads: number) => {
    const items = await collection();
    return timeEach(reads, (index) =>
      items.find({ selector: { stock: { $gte: -1 - index } }, sort: [{ price: 'asc' }], limit: 50 }).exec(),
    );
  },
});
