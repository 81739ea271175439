/**
 * Stands in for idb, whose proxies and maps cost more than the databases: the part of it that the library uses, with promises that
 * settle at the same moments.
 */
type Query = IDBValidKey | IDBKeyRange;

function promised<T>(request: IDBRequest<T>): Promise<T> {
  return converted(request, (result) => result);
}

function converted<T, R>(request: IDBRequest<T>, convert: (result: T) => R): Promise<R> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(convert(request.result));
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the request's own
    request.onerror = () => reject(request.error);
  });
}

/** What stores and indexes have in common. A cursor is for its first key only. */
class Source<Real extends IDBObjectStore | IDBIndex> {
  protected readonly real: Real;

  constructor(real: Real) {
    this.real = real;
  }

  get(query: Query): Promise<unknown> {
    return promised(this.real.get(query));
  }

  getKey(query: Query): Promise<unknown> {
    return promised(this.real.getKey(query));
  }

  getAll(query?: Query | null, count?: number): Promise<unknown> {
    return promised(this.real.getAll(query, count));
  }

  getAllKeys(query?: Query | null, count?: number): Promise<unknown> {
    return promised(this.real.getAllKeys(query, count));
  }

  count(query?: Query): Promise<number> {
    return promised(this.real.count(query));
  }

  openKeyCursor(query?: Query | null, direction?: IDBCursorDirection): Promise<Pick<IDBCursor, 'key'> | null> {
    return promised(this.real.openKeyCursor(query, direction));
  }
}

class Store extends Source<IDBObjectStore> {
  put(value: unknown, key?: IDBValidKey): Promise<unknown> {
    return promised(this.real.put(value, key));
  }

  add(value: unknown, key?: IDBValidKey): Promise<unknown> {
    return promised(this.real.add(value, key));
  }

  delete(query: Query): Promise<undefined> {
    return promised(this.real.delete(query));
  }

  clear(): Promise<undefined> {
    return promised(this.real.clear());
  }

  index(name: string): Source<IDBIndex> {
    return new Source(this.real.index(name));
  }

  createIndex(name: string, keyPath: string | string[], options?: IDBIndexParameters): Source<IDBIndex> {
    return new Source(this.real.createIndex(name, keyPath, options));
  }
}

class Transaction {
  readonly mode: IDBTransactionMode;
  readonly done: Promise<void>;
  readonly #real: IDBTransaction;

  constructor(real: IDBTransaction) {
    this.mode = real.mode;
    this.#real = real;
    this.done = new Promise((resolve, reject) => {
      real.oncomplete = () => resolve();
      real.onerror = real.onabort = () => reject(real.error ?? new DOMException('AbortError', 'AbortError'));
    });
  }

  get objectStoreNames(): DOMStringList {
    return this.#real.objectStoreNames;
  }

  /** Of a transaction with one store. */
  get store(): Store {
    return this.objectStore(this.#real.objectStoreNames.item(0) ?? '');
  }

  objectStore(name: string): Store {
    return new Store(this.#real.objectStore(name));
  }

  abort(): void {
    this.#real.abort();
  }
}

class Database {
  readonly #real: IDBDatabase;

  constructor(real: IDBDatabase) {
    this.#real = real;
  }

  get objectStoreNames(): DOMStringList {
    return this.#real.objectStoreNames;
  }

  createObjectStore(name: string, options?: IDBObjectStoreParameters): Store {
    return new Store(this.#real.createObjectStore(name, options));
  }

  transaction(stores: string | string[], mode?: IDBTransactionMode, options?: IDBTransactionOptions): Transaction {
    return new Transaction(this.#real.transaction(stores, mode, options));
  }

  async get(store: string, query: Query): Promise<unknown> {
    const [value] = await Promise.all([this.transaction(store).store.get(query)]);
    return value;
  }

  async getAll(store: string, query?: Query): Promise<unknown> {
    const [values] = await Promise.all([this.transaction(store).store.getAll(query)]);
    return values;
  }

  async delete(store: string, query: Query): Promise<void> {
    const tx = this.transaction(store, 'readwrite');
    await Promise.all([tx.store.delete(query), tx.done]);
  }

  close(): void {
    this.#real.close();
  }
}

type OnVersion = (oldVersion: number, newVersion: number | null, event: IDBVersionChangeEvent) => void;

interface Callbacks {
  readonly upgrade?: (
    database: Database,
    oldVersion: number,
    newVersion: number | null,
    tx: Transaction,
    event: IDBVersionChangeEvent,
  ) => void;
  readonly blocked?: OnVersion;
  readonly blocking?: OnVersion;
  readonly terminated?: () => void;
}

export function openDB(name: string, version?: number, callbacks: Callbacks = {}): Promise<Database> {
  const { upgrade, blocked, blocking, terminated } = callbacks;
  const request = indexedDB.open(name, version);
  const told = (call: OnVersion) => (event: IDBVersionChangeEvent) => call(event.oldVersion, event.newVersion, event);
  request.onupgradeneeded = (event) => {
    const { result, transaction } = request;
    if (upgrade === undefined || transaction === null) return;
    upgrade(new Database(result), event.oldVersion, event.newVersion, new Transaction(transaction), event);
  };
  if (blocked !== undefined) request.onblocked = told(blocked);
  return converted(request, (real) => {
    if (terminated !== undefined) real.onclose = () => terminated();
    if (blocking !== undefined) real.onversionchange = told(blocking);
    return new Database(real);
  });
}

export async function deleteDB(name: string): Promise<void> {
  await promised(indexedDB.deleteDatabase(name));
}
