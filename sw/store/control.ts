import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { StorageError, SyncError } from '../protocol/errors.ts';
import { isMadeAfterLoss } from './epoch.ts';

interface ControlFormat extends DBSchema {
  /** `new`: it was made, and nobody has looked yet whether in the place of a lost one. `user`: who is signed in. `headers-of`: whose sign-in came with headers, which are not here. `wipe:<name>`: a database to delete. `data-loss`: it was made in the place of a damaged one. */
  values: { key: string; value: string };
  /** The sign-in under which each tab loaded, by its client id. */
  clients: { key: string; value: { readonly id: string; readonly user: string; readonly at: number } };
}

export interface SignInRecord {
  /** Empty: nobody. */
  readonly user: string;
  /** Whether headers were given with it. Without them nothing is to be sent. */
  readonly withHeaders: boolean;
  /** A database that is to be deleted, noted in the same transaction. */
  readonly wipe?: string;
}

interface StoredSignIn extends SignInRecord {
  /** The database was made, and nothing written to it yet: it may stand in the place of one that was lost. */
  readonly isNew: boolean;
}

/** The sign-in under which a tab loaded. */
export interface Binding {
  readonly client: string;
  readonly user: string;
}

/** Who is signed in, and under whose sign-in each tab loaded. One small database for the app. */
export interface Control {
  read(): Promise<StoredSignIn>;
  /** Whether the browser has made it in the place of a damaged one, until that is forgotten. */
  wasLost(): Promise<boolean>;
  forgetLoss(): Promise<void>;
  write(record: SignInRecord): Promise<void>;
  /** The user that a tab is bound to; binds it to the given one if it is to none. */
  bind(client: string, user: string): Promise<string>;
  /** Tabs that are bound to somebody else than the user; not those of long ago. */
  boundToOthers(user: string): Promise<readonly Binding[]>;
  /** Deletes a database if it was noted to be wiped, also by a worker that died over it. What is in it is never seen again. `before` comes first. */
  finishWipe(database: string, before: () => Promise<void>): Promise<void>;
}

const clientsKept = 500;
const bindingsNoted = 100;
const wipePrefix = 'wipe:';

/** There is no IndexedDB, or opening any database is forbidden, as in some private windows and sandboxes. */
function isForbidden(error: unknown): boolean {
  if (error instanceof ReferenceError || error instanceof TypeError) return true;
  return error instanceof DOMException && ['SecurityError', 'InvalidStateError'].includes(error.name);
}

function noDatabase(cause: unknown): SyncError {
  return new SyncError(
    'online-only',
    'This browser gives the app no database here, as in some private windows: requests go to the network, and nothing is kept.',
    { cause },
  );
}

/** `lostBindings`: what is known elsewhere of the tabs' bindings, the surest first, for a database that may stand in the place of a lost one. */
export function createControl(
  name: string,
  lostBindings: () => Promise<readonly Binding[]>,
  now: () => number,
): Control {
  let opening: Promise<IDBPDatabase<ControlFormat>> | null = null;
  let isToRestore = false;
  const bound = new Map<string, string>();

  /** Before anything else is asked of a new database: no tab of the one before is to be taken for one that is bound to nobody. */
  const restore = async (database: IDBPDatabase<ControlFormat>): Promise<void> => {
    const bindings = new Map([...bound].filter(([, user]) => user !== ''));
    for (const { client, user } of await lostBindings()) if (!bindings.has(client)) bindings.set(client, user);
    const tx = database.transaction('clients', 'readwrite', { durability: 'relaxed' });
    const restoreOne = async ([client, user]: [string, string]): Promise<void> => {
      const row = await tx.store.get(client);
      if (row === undefined || row.user === '') await tx.store.put({ id: client, user, at: now() });
    };
    await Promise.all([...[...bindings].map(restoreOne), tx.done]);
    isToRestore = false;
  };

  const openAnew = async (): Promise<IDBPDatabase<ControlFormat>> => {
    let database: IDBPDatabase<ControlFormat>;
    try {
      database = await openControl();
    } catch (error) {
      throw isForbidden(error) ? noDatabase(error) : error;
    }
    if (isToRestore) await restore(database);
    return database;
  };

  const openControl = (): Promise<IDBPDatabase<ControlFormat>> =>
    openDB<ControlFormat>(`holdfast:${name}`, 1, {
      upgrade: (database, _oldVersion, _newVersion, tx, event) => {
        isToRestore = true;
        database.createObjectStore('values');
        database.createObjectStore('clients', { keyPath: 'id' });
        const values = tx.objectStore('values');
        const puts = [values.put('yes', 'new')];
        if (isMadeAfterLoss(event)) puts.push(values.put('total', 'data-loss'));
        // If they fail, so does the opening, which says why.
        void Promise.allSettled([...puts, tx.done]);
      },
      blocking: (_current, _blocked, event) => {
        opening = null;
        if (event.target instanceof IDBDatabase) event.target.close();
      },
      terminated: () => {
        opening = null;
      },
    });

  const open = (): Promise<IDBPDatabase<ControlFormat>> => {
    if (opening !== null) return opening;
    const mine = openAnew();
    opening = mine;
    mine.catch(() => {
      opening = null;
    });
    return mine;
  };

  const attempt = async <T>(work: (database: IDBPDatabase<ControlFormat>) => Promise<T>): Promise<T> => {
    try {
      return await work(await open());
    } catch {
      // The connection may have died; a new one is tried once.
      opening = null;
      try {
        return await work(await open());
      } catch (error) {
        if (error instanceof SyncError) throw error;
        throw new StorageError(
          'The local database cannot be opened. Private windows and full disks can be the cause.',
          {
            cause: error,
          },
        );
      }
    }
  };

  return {
    read: () =>
      attempt(async (database) => {
        const tx = database.transaction('values');
        const [user = '', headersOf, made] = await Promise.all([
          tx.store.get('user'),
          tx.store.get('headers-of'),
          tx.store.get('new'),
          tx.done,
        ]);
        // The worker that made it may have died before it had done this.
        if (made !== undefined) await restore(database);
        return { user, withHeaders: user !== '' && headersOf === user, isNew: made !== undefined };
      }),
    write: ({ user, withHeaders, wipe }) =>
      attempt(async (database) => {
        const tx = database.transaction('values', 'readwrite', { durability: 'strict' });
        await Promise.all([
          tx.store.put(user, 'user'),
          tx.store.delete('new'),
          withHeaders ? tx.store.put(user, 'headers-of') : tx.store.delete('headers-of'),
          wipe === undefined ? undefined : tx.store.put(wipe, `${wipePrefix}${wipe}`),
          tx.done,
        ]);
      }),
    bind: async (client, user) => {
      const cached = bound.get(client);
      // One that is to nobody may yet be bound to somebody.
      if (cached !== undefined && (cached !== '' || user === '')) return cached;
      const owner = await attempt(async (database) => {
        const tx = database.transaction('clients', 'readwrite', { durability: 'relaxed' });
        const bindTo = async (): Promise<string> => {
          const row = await tx.store.get(client);
          // A tab that loaded before anyone had signed in takes the first sign-in for its own.
          if (row !== undefined && (row.user !== '' || user === '')) return row.user;
          await tx.store.put({ id: client, user, at: now() });
          if ((await tx.store.count()) > clientsKept) {
            const rows = await tx.store.getAll();
            rows.sort((a, b) => a.at - b.at);
            await Promise.all(rows.slice(0, clientsKept / 2).map((old) => tx.store.delete(old.id)));
          }
          return user;
        };
        const [boundTo] = await Promise.all([bindTo(), tx.done]);
        return boundTo;
      });
      bound.set(client, owner);
      return owner;
    },
    boundToOthers: async (user) => {
      const rows = await attempt((database) => database.getAll('clients'));
      const others = rows.filter((row) => row.user !== '' && row.user !== user).sort((a, b) => b.at - a.at);
      return others.slice(0, bindingsNoted).map((row) => ({ client: row.id, user: row.user }));
    },
    wasLost: () => attempt(async (database) => (await database.get('values', 'data-loss')) !== undefined),
    forgetLoss: () => attempt((database) => database.delete('values', 'data-loss')),
    finishWipe: async (database, before) => {
      const noted = await attempt((control) => control.get('values', `${wipePrefix}${database}`));
      if (noted === undefined) return;
      await before();
      await deleteDB(database);
      await attempt((control) => control.delete('values', `${wipePrefix}${database}`));
    },
  };
}
