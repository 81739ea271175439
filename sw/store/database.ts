import { openDB, type IDBPDatabase, type IDBPTransaction } from 'idb';
import { QuotaError, StorageError, SyncError, VersionError } from '../protocol/errors.ts';
import { beginEpoch } from './epoch.ts';
import { createStores, databaseVersion, type Format, type StoreName } from './format.ts';

export type ReadTransaction = IDBPTransaction<Format, StoreName[]>;
export type WriteTransaction = IDBPTransaction<Format, StoreName[], 'readwrite'>;
export type AnyTransaction = IDBPTransaction<Format, StoreName[], IDBTransactionMode>;

/** The same transaction with its rows encrypted on disk. */
export type RowCodec = <T extends AnyTransaction>(tx: T) => T;

export interface WriteOptions {
  /** `strict` for what cannot be downloaded again. @default 'strict' */
  readonly durability?: 'strict' | 'relaxed';
  /**
   * Leaves the heads as they are, and takes a `seq` where it makes a change: it can be told from that, without a stamp.
   * @default false
   */
  readonly isTold?: boolean;
  /** The `changesStamp` to leave. @default a new one */
  readonly stamp?: string;
}

export interface DatabaseOptions {
  readonly name: string;
  readonly signal: AbortSignal;
  /** The app's. @default 1 */
  readonly schemaVersion?: number;
  /** Makes the stamp that a transaction over changes leaves behind. @default crypto.randomUUID */
  readonly newId?: () => string;
  /** Asked for each transaction; null: rows are stored as they are. @default null */
  readonly codec?: () => RowCodec | null;
  /** Called when a newer version of the code wants the database: it is closed, and not opened again by this worker. */
  readonly onSuperseded?: () => void;
  /** Called when an older version of the code keeps the database open. */
  readonly onBlocked?: () => void;
  /** Called when the browser closed the connection by itself, as it does when site data is cleared. */
  readonly onTerminated?: () => void;
  /** Settles before the database is opened once more, when its connection was lost. */
  readonly beforeReopening?: () => Promise<unknown>;
  /** Called when another database was found in the place of this one: nothing of it is read or written through this owner. */
  readonly onLost?: () => void;
}

/** What reads of several transactions are made through. */
export interface Reader {
  /** Settles with the work's value; only IndexedDB may be awaited in it. */
  read<T>(stores: StoreName[], work: (tx: AnyTransaction) => Promise<T>): Promise<T>;
}

/**
 * One user's database, and the one owner of its connection. A connection that died is dropped, opened again, and the
 * transaction tried once more; then the caller is told. A transaction whose work throws is aborted.
 */
export interface Database {
  readonly name: string;
  /** Settles with the work's value; only IndexedDB may be awaited in it. */
  read<T>(stores: StoreName[], work: (tx: ReadTransaction) => Promise<T>): Promise<T>;
  /**
   * Settles when the transaction is complete: by then all of it is stored, or none. One whose scope has `changes` or
   * `heads` leaves a new stamp for them, so that who has read them can tell whether they are still the same.
   */
  write<T>(stores: StoreName[], work: (tx: WriteTransaction) => Promise<T>, options?: WriteOptions): Promise<T>;
  /** From now on a connection is refused to a database of another epoch. */
  expectEpoch(epoch: string): void;
  close(): void;
}

/**
 * What a transaction rested on was gone or moved when it was looked at. Thrown by a transaction's work, which is rolled
 * back, it reaches the caller as it is; who started the work starts it again.
 */
export class StaleReadError extends Error {
  override name = 'StaleReadError';
}

function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof DOMException)) return false;
  if (error.name === 'InvalidStateError') return true;
  // WebKit: its network process died. https://bugs.webkit.org/show_bug.cgi?id=197050
  return error.name === 'UnknownError' && /connection to indexed database server lost/i.test(error.message);
}

function toStorageError(error: unknown, name: string): SyncError | StaleReadError {
  if (error instanceof SyncError || error instanceof StaleReadError) return error;
  if (error instanceof DOMException && error.name === 'QuotaExceededError') {
    return new QuotaError('The browser refused to store more. Nothing of this was stored; free space and try again.', {
      cause: error,
    });
  }
  if (error instanceof DOMException && error.name === 'VersionError') {
    return new VersionError(
      `The local database ${name} was written by a newer version of the app. Nothing was changed; reload the page to get that version.`,
      { cause: error },
    );
  }
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new StorageError(`The local database ${name} failed (${what}). Nothing of this was stored; try again.`, {
    cause: error,
  });
}

export function lostError(): StorageError {
  return new StorageError('The browser has lost the local database. Nothing of this was stored; try again.');
}

export function createDatabase(options: DatabaseOptions): Database {
  const { name, signal, newId = () => crypto.randomUUID() } = options;
  let opening: Promise<IDBPDatabase<Format>> | null = null;
  let superseded = false;
  let expected: string | null = null;

  const drop = (): void => {
    const old = opening;
    opening = null;
    old?.then((connection) => connection.close()).catch(() => undefined);
  };

  const checkEpoch = async (connection: IDBPDatabase<Format>): Promise<IDBPDatabase<Format>> => {
    if (expected === null || (await connection.get('meta', 'epoch'))?.value === expected) return connection;
    connection.close();
    options.onLost?.();
    throw lostError();
  };

  /** What keeps it from being opened for this owner: one that was wiped since must not be made again. */
  const ending = (): SyncError | null => {
    if (!signal.aborted && !superseded) return null;
    const reason: unknown = signal.reason;
    return reason instanceof SyncError
      ? reason
      : new StorageError('This worker no longer owns the database; reload the page.');
  };

  /** `onClosed`: the browser closed the connection by itself. */
  const connect = async (onClosed: () => void): Promise<IDBPDatabase<Format>> => {
    if (expected !== null) {
      await options.beforeReopening?.().catch(() => undefined);
      const ended = ending();
      if (ended !== null) throw ended;
    }
    const connection = await openDB<Format>(name, databaseVersion(options.schemaVersion ?? 1), {
      upgrade: (made, oldVersion, _newVersion, tx, event) => {
        if (oldVersion !== 0) return;
        createStores(made);
        beginEpoch(tx, event, newId());
      },
      blocked: () => options.onBlocked?.(),
      blocking: (_current, wanted) => {
        // Null: somebody deletes it. Whoever needs it next finds out what is in its place.
        if (wanted === null) {
          drop();
          return;
        }
        superseded = true;
        drop();
        options.onSuperseded?.();
      },
      terminated: () => {
        onClosed();
        options.onTerminated?.();
      },
    });
    return checkEpoch(connection);
  };

  const open = (): Promise<IDBPDatabase<Format>> => {
    const ended = ending();
    if (ended !== null) return Promise.reject(ended);
    if (opening !== null) return opening;
    const mine = connect(() => {
      if (opening === mine) opening = null;
    });
    opening = mine;
    mine.catch(() => {
      if (opening === mine) opening = null;
    });
    return mine;
  };

  const attempt = async <T>(
    stores: StoreName[],
    mode: 'readonly' | 'readwrite',
    work: (tx: IDBPTransaction<Format, StoreName[]> & WriteTransaction) => Promise<T>,
    durability: 'strict' | 'relaxed' | 'default',
  ): Promise<T> => {
    const connection = await open();
    const tx = connection.transaction(stores, mode, { durability });
    // `done` rejects on error and on abort alike; the work's own error is the one to tell.
    const done = tx.done.then(
      () => null,
      (error: unknown) => ({ error: error ?? new DOMException('The transaction was aborted.', 'AbortError') }),
    );
    let value: T;
    try {
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a readwrite transaction is used as such only by `write`
      const usable = tx as IDBPTransaction<Format, StoreName[]> & WriteTransaction;
      value = await work(options.codec?.()?.(usable) ?? usable);
    } catch (error) {
      try {
        tx.abort();
      } catch {
        // It had ended already.
      }
      const ended = await done;
      // A quota error shows in the transaction's end, the request's own error is only an AbortError.
      throw error instanceof DOMException && error.name === 'AbortError' && ended !== null ? ended.error : error;
    }
    if (mode === 'readwrite') {
      const ended = await done;
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- the browser's own error, mapped by the caller
      if (ended !== null) throw ended.error;
    }
    return value;
  };

  const run = async <T>(
    stores: StoreName[],
    mode: 'readonly' | 'readwrite',
    work: (tx: IDBPTransaction<Format, StoreName[]> & WriteTransaction) => Promise<T>,
    durability: 'strict' | 'relaxed' | 'default',
  ): Promise<T> => {
    try {
      return await attempt(stores, mode, work, durability);
    } catch (error) {
      if (isConnectionLoss(error)) {
        drop();
        try {
          return await attempt(stores, mode, work, durability);
        } catch (again) {
          throw toStorageError(again, name);
        }
      }
      const mapped = toStorageError(error, name);
      // Firefox refuses every later write on a connection that has met its quota, without any event.
      if (mapped instanceof QuotaError) drop();
      throw mapped;
    }
  };

  const stamping =
    <T>(
      stamps: readonly (readonly ['changesStamp' | 'seqHeads', string])[],
      work: (tx: WriteTransaction) => Promise<T>,
    ) =>
    async (tx: WriteTransaction): Promise<T> => {
      const working = work(tx);
      // After the work's own first requests: what it reads is the stamp of the transaction before.
      const stamped = stamps.map(([stamp, value]) => tx.objectStore('meta').put({ name: stamp, value }));
      const [value] = await Promise.all([working, ...stamped]);
      return value;
    };
  const write = <T>(
    stores: StoreName[],
    work: (tx: WriteTransaction) => Promise<T>,
    { durability = 'strict', isTold = false, stamp = newId() }: WriteOptions = {},
  ): Promise<T> => {
    const stamps: ['changesStamp' | 'seqHeads', string][] = [];
    if (stores.includes('changes') && !isTold) stamps.push(['changesStamp', stamp]);
    if (stores.includes('heads') && !isTold) stamps.push(['seqHeads', stamp]);
    if (stamps.length === 0) return run(stores, 'readwrite', work, durability);
    return run([...new Set<StoreName>([...stores, 'meta'])], 'readwrite', stamping(stamps, work), durability);
  };

  signal.addEventListener('abort', drop, { once: true });
  return {
    name,
    read: (stores, work) => run(stores, 'readonly', work, 'default'),
    write,
    expectEpoch: (epoch) => {
      expected = epoch;
    },
    close: () => {
      superseded = true;
      drop();
    },
  };
}
