import { expose } from '../page/subject.ts';
import { newItem } from '../page/items.ts';
import { check, time, timeEach } from '../page/time.ts';

/** A leaf as small as a value of the store can be without becoming a file. */
const linesInLeaf = 256;
const changesInRequest = 1000;

let opening: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  return (opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('limit', 1);
    request.onupgradeneeded = () => {
      for (const name of ['leaves', 'stocks', 'writes', 'deltas']) request.result.createObjectStore(name);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The database did not open.'));
  }));
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('The transaction was aborted.'));
  });
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('Nothing was read.'));
  });
}

async function allOf(name: string): Promise<readonly unknown[]> {
  return answerOf((await open()).transaction(name).objectStore(name).getAll());
}

class Writer {
  readonly #database: IDBDatabase;
  #transaction: IDBTransaction | null = null;
  #done: Promise<void>[] = [];
  #leaves = 0;
  count = 0;

  constructor(database: IDBDatabase) {
    this.#database = database;
  }

  add(lines: readonly string[]): void {
    const stocks = Float64Array.from(lines, (line) => Number(Reflect.get(Object(JSON.parse(line)), 'stock')));
    this.#transaction ??= this.#database.transaction(['leaves', 'stocks'], 'readwrite', { durability: 'relaxed' });
    this.#transaction.objectStore('leaves').put(lines.join(','), this.#leaves);
    this.#transaction.objectStore('stocks').put(stocks, this.#leaves);
    this.count += lines.length;
    this.#leaves += 1;
  }

  /** Before anything is awaited: a transaction ends by itself then. */
  end(): void {
    if (this.#transaction !== null) this.#done.push(completed(this.#transaction));
    this.#transaction = null;
  }

  async close(): Promise<void> {
    this.end();
    await Promise.all(this.#done);
  }
}

async function download(): Promise<number> {
  const writer = new Writer(await open());
  const { body } = await fetch('/rows');
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  const lines: string[] = [];
  for (;;) {
    const { done = true, value = '' } = (await reader?.read()) ?? {};
    if (done) break;
    const parts = (rest + value).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      if (lines.length === linesInLeaf) writer.add(lines.splice(0));
    }
    writer.end();
  }
  if (lines.length > 0) writer.add(lines);
  await writer.close();
  return writer.count;
}

/** The leaves of the hits are all that is read beside the column. */
async function find(low: number, high: number): Promise<number> {
  const columns = await allOf('stocks');
  const wanted = columns.flatMap((column, leaf) => {
    if (!(column instanceof Float64Array)) return [];
    const hits = [...column.keys()].filter((index) => (column[index] ?? 0) >= low && (column[index] ?? 0) <= high);
    return hits.length === 0 ? [] : [{ leaf, hits }];
  });
  const store = (await open()).transaction('leaves').objectStore('leaves');
  const leaves: unknown[] = await Promise.all(wanted.map(({ leaf }) => answerOf<unknown>(store.get(leaf))));
  const found = leaves.flatMap((text, at) => {
    const records: unknown = JSON.parse(`[${String(text)}]`);
    return Array.isArray(records) ? (wanted[at]?.hits ?? []).map((index): unknown => records[index]) : [];
  });
  return JSON.stringify(found).length;
}

async function upload(): Promise<void> {
  const rows = await allOf('writes');
  for (let start = 0; start < rows.length; start += changesInRequest) {
    const changes = rows.slice(start, start + changesInRequest).map((record, index) => {
      const key: unknown = Reflect.get(Object(record), 'id');
      return { type: 'create', mutationId: `limit-${start + index}`, table: 'items', key, record };
    });
    const answer = await fetch('/sync/upload', { method: 'POST', body: JSON.stringify({ changes }) });
    const outcomes: unknown = Reflect.get(Object(await answer.json()), 'outcomes');
    check(Array.isArray(outcomes) && outcomes.length === changes.length, 'not all were taken');
    const transaction = (await open()).transaction('writes', 'readwrite', { durability: 'strict' });
    transaction.objectStore('writes').delete(IDBKeyRange.bound(start, start + changesInRequest, false, true));
    await completed(transaction);
  }
}

/** Written by hand for this one purpose, with nothing that an app needs beside it: what the browser can do at best. */
expose({
  download: async (count: number) => {
    const seconds = await time(async () => check((await download()) === count, 'not all records are there'));
    return seconds;
  },
  filter: (reads: number, low: number, high: number) => timeEach(reads, () => find(low, high)),
  whole: (reads: number) => timeEach(reads, async () => `[${(await allOf('leaves')).join(',')}]`.length),
  prepare: async (count: number) => {
    const transaction = (await open()).transaction('writes', 'readwrite', { durability: 'strict' });
    for (let index = 0; index < count; index += 1) transaction.objectStore('writes').put(newItem(index), index);
    await completed(transaction);
    return count;
  },
  upload: () => time(upload),
  delta: async (cursor: number) => {
    await open();
    return time(async () => {
      const body = JSON.stringify({ tables: [{ table: 'items', cursor: String(cursor) }] });
      const text = await (await fetch('/sync/download', { method: 'POST', body })).text();
      const transaction = (await open()).transaction('deltas', 'readwrite', { durability: 'strict' });
      transaction.objectStore('deltas').put(text, 1);
      await completed(transaction);
    });
  },
});
