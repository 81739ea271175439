import { createBase, type Base } from '../store/base.ts';
import { recallCounts } from '../store/change-counts.ts';
import { createDatabase, type Database, type RowCodec } from '../store/database.ts';
import type { Encryption, Secrets } from '../store/encryption.ts';
import { readAllMeta } from '../store/meta.ts';
import type { Migrate } from '../store/migrate-row.ts';
import type { Schema } from '../store/schema.ts';
import { upgradeSchema } from '../store/schema-version.ts';
import type { Credentials } from './credentials.ts';
import type { Environment } from './environment.ts';
import { insist } from './insist.ts';
import { createOlderRows, type OlderRows } from './older-rows.ts';
import type { StorageWatch, Watched } from './storage-watch.ts';
import { checkReadable, unlock } from './unlock.ts';
import type { ScopeOption } from '../protocol/scope.ts';

export interface UserDatabaseOptions {
  readonly name: string;
  readonly user: string;
  readonly signal: AbortSignal;
  readonly schema: Schema;
  readonly migrate: Migrate | null;
  readonly environment: Environment;
  readonly encryption: Encryption | null;
  readonly secrets: Secrets;
  readonly keys: Credentials<string>;
  readonly watch: StorageWatch;
  /** Settles before a database is opened once more, when its connection was lost. */
  readonly beforeReopening: () => Promise<unknown>;
  readonly onBlocked: () => void;
  readonly onLost: (database: Database) => void;
}

interface OpenedDatabase {
  readonly database: Database;
  readonly base: Base;
  readonly watched: Watched;
  /** Those that pages have set. */
  readonly scopes: Readonly<Record<string, ScopeOption>>;
  readonly olderRows: OlderRows;
}

/** Opens a user's database, with its key, what was lost of it noted, and its rows brought to the app's schema, before anything uses it. */
export async function openUserDatabase(options: UserDatabaseOptions): Promise<OpenedDatabase> {
  const { name, user, signal, schema, migrate, environment, encryption, secrets, keys, watch } = options;
  const { now, newId } = environment;
  let codec: RowCodec | null = null;
  // Beside the opening, which takes as long; it never rejects.
  const noting = watch.read(name);
  const database = createDatabase({
    name,
    signal,
    schemaVersion: schema.version,
    newId,
    codec: () => codec,
    beforeReopening: options.beforeReopening,
    onBlocked: options.onBlocked,
    // Looked at again at once: the tabs are to hear of a loss before they ask for anything. Chromium dispatches `close` while it
    // still clears, and what is opened then fails.
    onTerminated: () => void insist(() => database.read(['meta'], () => Promise.resolve()), signal),
    onLost: () => options.onLost(database),
  });
  const base = createBase();
  try {
    const use = (one: RowCodec): void => {
      codec = one;
    };
    await unlock(encryption, { database, user, secrets, keys, use });
    // One trip to the database for all that a start looks at.
    const stored = await database.read(['meta'], readAllMeta);
    checkReadable(encryption, stored);
    const noted = await noting;
    const watched = await watch.examine(database, stored, noted);
    database.expectEpoch(watched.epoch);
    // What was lost may have been counted.
    if (noted?.epoch === watched.epoch && watched.loss === null) recallCounts(base, noted);
    const upgrade = { database, base, schema, migrate, user, now, newId };
    const areLeft = await upgradeSchema({ ...upgrade, noted: stored.schema });
    return { database, base, watched, scopes: stored.scopes ?? {}, olderRows: createOlderRows(upgrade, areLeft) };
  } catch (error) {
    database.close();
    throw error;
  }
}
