import type { Base } from '../store/base.ts';
import { noteCounts } from '../store/change-counts.ts';
import { countPending, countScope } from '../store/counts.ts';
import type { Binding, Control } from '../store/control.ts';
import type { Database } from '../store/database.ts';
import { getMeta } from '../store/meta.ts';
import type { MetaSnapshot } from '../store/meta-values.ts';
import type { Schema } from '../store/schema.ts';
import {
  examineStorage,
  lossScope,
  recognizeStorage,
  type StorageLoss,
  type StorageNote,
} from '../store/storage-loss.ts';
import type { Witness } from '../store/witness.ts';
import { isJsonObject, type Json } from '../protocol/record.ts';

/** A note is at most so much older than what was written since. */
const noteEveryMs = 1_000;

export interface StorageWatchOptions {
  readonly witness: Witness;
  readonly now: () => number;
  readonly newId: () => string;
  /** The app's other database: the browser tells the loss of all to the first one that is opened. */
  readonly beside: Pick<Control, 'wasLost' | 'forgetLoss'>;
}

export interface Watched {
  readonly epoch: string;
  readonly loss: StorageLoss | null;
}

interface SignedIn {
  readonly user: string;
  readonly withHeaders: boolean;
}

/** Keeps notes of the databases beside them, and tells a lost one from a new one by them (SPEC section 11). */
export interface StorageWatch {
  /** What is noted of a database. */
  read(database: string): Promise<StorageNote | null>;
  /** Settles when the database, of which these are the single values, may be used; what was lost is stored in it by then. */
  examine(database: Database, stored: MetaSnapshot, noted: StorageNote | null): Promise<Watched>;
  /** Makes the function that notes how far the database has come: at once, and then at most once a second. */
  keepNotes(
    database: Database,
    watched: { readonly base: Base; readonly epoch: string; readonly schema: Schema; readonly signal: AbortSignal },
  ): () => void;
  /** For a database that is about to be deleted. */
  forget(database: string): Promise<void>;
  /** With the tabs of others, which are not to be taken for this user's where the database that knew is gone. */
  noteUser(signedIn: SignedIn, others: readonly Binding[]): Promise<void>;
  /** Who was signed in, for where the database that knew is gone. */
  readUser(): Promise<(SignedIn & { readonly others: readonly Binding[] }) | null>;
}

const userNote = 'user';

function storageNoteOf(value: Json | null): StorageNote | null {
  if (!isJsonObject(value)) return null;
  const { epoch, seq, unsent, counts } = value;
  return typeof epoch === 'string' && typeof seq === 'number' && typeof unsent === 'number'
    ? { epoch, seq, unsent, ...countsOf(counts) }
    : null;
}

function countsOf(value: Json | undefined): Pick<StorageNote, 'counts'> {
  if (!isJsonObject(value) || !isJsonObject(value['tables'])) return {};
  const { stamp } = value;
  const counts = Object.entries(value['tables']).flatMap(([table, count]) =>
    typeof count === 'number' ? [[table, count] as const] : [],
  );
  if (stamp !== null && typeof stamp !== 'string') return {};
  return { counts: { stamp, tables: Object.fromEntries(counts) } };
}

export function createStorageWatch(options: StorageWatchOptions): StorageWatch {
  const { witness, now, newId, beside } = options;
  /** What this worker has noted itself, for where there is no other storage. */
  const known = new Map<string, StorageNote>();
  let writing: Promise<void> = Promise.resolve();

  /** One after the other: no note comes back after it was removed. */
  const inTurn = (work: () => Promise<void> | undefined): Promise<void> => {
    writing = writing.then(work).catch(() => undefined);
    return writing;
  };

  return {
    read: async (database) => storageNoteOf(await witness.read(database)) ?? known.get(database) ?? null,
    examine: async (database, stored, noted) => {
      const examine = async (): Promise<Watched> => {
        const lostBeside = await beside.wasLost();
        return database.write(lossScope, (tx) => examineStorage(tx, noted, { newId, now, lostBeside }));
      };
      const found = recognizeStorage(stored, noted) ?? (await examine());
      // Only now that it is stored: a worker that is stopped before leaves it to the next one.
      if (found.loss !== null) await beside.forgetLoss();
      return found;
    },
    keepNotes: (database, { base, epoch, schema, signal }) => {
      let lastAt: number | null = null;
      let isWaiting = false;
      const note = async (): Promise<void> => {
        isWaiting = false;
        lastAt = now();
        const value = await database.read(countScope, async (tx) => {
          const [seq = 0, unsent] = await Promise.all([getMeta(tx, 'seq'), countPending(tx, base, schema)]);
          return { epoch, seq, unsent, ...noteCounts(base, seq) };
        });
        await inTurn(() => {
          if (signal.aborted) return undefined;
          known.set(database.name, value);
          return witness.write(database.name, value);
        });
      };
      return () => {
        if (isWaiting || signal.aborted) return;
        isWaiting = true;
        const since = lastAt === null ? noteEveryMs : Math.abs(now() - lastAt);
        // A note that could not be made is made with the next one.
        const begin = (): void => void note().catch(() => undefined);
        if (since >= noteEveryMs) begin();
        else setTimeout(begin, noteEveryMs - since);
      };
    },
    forget: (database) =>
      inTurn(() => {
        known.delete(database);
        return witness.remove(database);
      }),
    noteUser: ({ user, withHeaders }, others) =>
      inTurn(() =>
        user === '' && others.length === 0
          ? witness.remove(userNote)
          : witness.write(userNote, {
              ...{ user, withHeaders },
              others: Object.fromEntries(others.map((tab) => [tab.client, tab.user])),
            }),
      ),
    readUser: async () => {
      const note = await witness.read(userNote);
      const user = note?.['user'];
      if (typeof user !== 'string') return null;
      const noted: unknown = note?.['others'];
      const others = Object.entries(isJsonObject(noted) ? noted : {}).flatMap(([client, owner]) =>
        typeof owner === 'string' ? [{ client, user: owner }] : [],
      );
      return { user, withHeaders: note?.['withHeaders'] === true, others };
    },
  };
}
