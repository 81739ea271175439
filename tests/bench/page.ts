import Dexie, { type Table } from 'dexie';
import { openDB } from 'idb';
import { connectSync, type SyncClient } from '../../client/index.ts';

interface Item {
  readonly id: string;
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
}

const rowsInTransaction = 5000;

async function control(query: string): Promise<{ readonly ledger: number; readonly plain: number }> {
  const answer = await fetch(`/control?${query}`);
  const state: unknown = await answer.json();
  if (typeof state !== 'object' || state === null) throw new Error('The server has no state.');
  return { ledger: Number(Reflect.get(state, 'ledger')), plain: Number(Reflect.get(state, 'plain')) };
}

async function time(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`The subject did not do its work: ${what}`);
}

async function rows(): Promise<Item[]> {
  const text = await (await fetch('/rows')).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Item => {
      const item: unknown = JSON.parse(line);
      if (isItem(item)) return item;
      throw new Error('A row is no record.');
    });
}

async function connect(): Promise<SyncClient> {
  const sync = await connectSync({ worker: '/holdfast-worker.js' });
  await sync.signIn({ user: 'bench' });
  return sync;
}

async function register(worker: string): Promise<void> {
  await navigator.serviceWorker.register(worker);
  await navigator.serviceWorker.ready;
  while (navigator.serviceWorker.controller === null) {
    await new Promise((resolve) => {
      navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    });
  }
}

function post(path: string, index: number): Promise<Response> {
  const id = `n${String(index).padStart(9, '0')}`;
  const record = { id, name: `New ${index}`, stock: index, price: 1, category: 'c1', desc: 'x'.repeat(120) };
  return fetch(path, { method: 'POST', body: JSON.stringify(record), headers: { 'Content-Type': 'application/json' } });
}

async function latencies(path: string, count: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    const answer = await post(path, index);
    await answer.text();
    seconds.push((performance.now() - start) / 1000);
    check(answer.status === 201, `a write was answered ${answer.status}`);
  }
  return seconds;
}

/** Each subject of each workload; what it gives are seconds. */
const subjects = {
  W1: {
    holdfast: async (count: number): Promise<number[]> => {
      const sync = await connect();
      const seconds = await time(async () => {
        await sync.synchronize({ mode: 'all', onBusy: 'queue', full: true });
      });
      const answer = await fetch('/api/items?limit=1');
      check(answer.headers.get('X-Total-Count') === String(count), 'not all records are there');
      return [seconds];
    },
    idb: async (count: number): Promise<number[]> => {
      const database = await openDB('rows', 1, {
        upgrade: (db) => void db.createObjectStore('items', { keyPath: 'id' }),
      });
      const seconds = await time(async () => {
        const items = await rows();
        for (let start = 0; start < items.length; start += rowsInTransaction) {
          const transaction = database.transaction('items', 'readwrite', { durability: 'relaxed' });
          for (const item of items.slice(start, start + rowsInTransaction)) void transaction.store.put(item);
          await transaction.done;
        }
      });
      check((await database.count('items')) === count, 'not all records are there');
      return [seconds];
    },
    dexie: async (count: number): Promise<number[]> => {
      const database = new Dexie('dexie');
      database.version(1).stores({ items: 'id' });
      const table: Table<Item> = database.table('items');
      const seconds = await time(async () => {
        const items = await rows();
        for (let start = 0; start < items.length; start += rowsInTransaction) {
          await table.bulkPut(items.slice(start, start + rowsInTransaction));
        }
      });
      check((await table.count()) === count, 'not all records are there');
      return [seconds];
    },
  },
  W3: {
    holdfast: async (count: number): Promise<number[]> => {
      await control('held=true&clear');
      const sync = await connect();
      await latencies('/api/items', count);
      while (await sync.isSyncing()) await new Promise((resolve) => requestAnimationFrame(resolve));
      await control('held=false');
      const seconds = await time(async () => {
        await sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue' });
      });
      check((await control('held=false')).ledger === count, 'not all changes arrived');
      check((await sync.state()).pending === 0, 'something is pending');
      return [seconds];
    },
    workbox: async (count: number): Promise<number[]> => {
      await register('/workbox-worker.js');
      const before = (await control('held=false')).plain;
      await latencies('/plain', count);
      const seconds = await time(async () => {
        const { port1, port2 } = new MessageChannel();
        const done = new Promise((resolve) => {
          port1.onmessage = resolve;
        });
        navigator.serviceWorker.controller?.postMessage('replay', [port2]);
        await done;
      });
      check((await control('held=false')).plain - before === count, 'not all requests arrived');
      return [seconds];
    },
  },
  W5: {
    holdfast: async (count: number): Promise<number[]> => {
      const sync = await connect();
      await sync.synchronize({ mode: 'all', onBusy: 'queue' });
      await control('held=true&clear');
      return latencies('/api/items', count);
    },
    'bare-worker': async (count: number): Promise<number[]> => {
      await register('/bare-worker.js');
      return latencies('/api/items', count);
    },
    workbox: async (count: number): Promise<number[]> => {
      await register('/workbox-worker.js');
      return latencies('/plain', count);
    },
  },
};

Object.assign(globalThis, { subjects });
