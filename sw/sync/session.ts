import { SyncError } from '../protocol/errors.ts';
import type { Environment } from './environment.ts';
import type { BackendCall, BackendConnection } from '../backend/backend.ts';
import type { SyncEvent } from '../protocol/events.ts';
import type { BatchContentRow } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import type { Base } from '../store/base.ts';
import type { Database } from '../store/database.ts';
import type { Migrate } from '../store/migrate-row.ts';
import type { Schema } from '../store/schema.ts';
import type { Traffic } from './traffic.ts';
import type { KnownChanges } from './known-changes.ts';
import type { OlderRows } from './older-rows.ts';

/** One signed-in user's database with everything a run needs. It ends with the sign-in. */
export interface Session {
  readonly user: string;
  readonly database: Database;
  readonly base: Base;
  readonly schema: Schema;
  /** The app's function for what an older schema version stored. */
  readonly migrate: Migrate | null;
  readonly olderRows: OlderRows;
  readonly backend: BackendConnection;
  readonly environment: Environment;
  /** Aborted when the user signs out or another signs in. */
  readonly signal: AbortSignal;
  /** Whether what was given at sign-in is still known, or asked for and given again by a tab. Without it no run starts. */
  readonly hasCredentials: () => Promise<boolean>;
  /** Headers for one attempt: the app's function, and those given at sign-in. Rejects with `no-credentials` if those are gone. */
  readonly headers: (url: string) => Promise<Readonly<Record<string, string>>>;
  readonly announce: (event: SyncEvent) => void;
  /** Notes outside of the database how far it has come, soon (SPEC Z-1). */
  readonly noteStorage: () => void;
  readonly traffic: Traffic;
}

/** A run while this worker works on it: the journal row as it is stored, and the signal that ends the work. */
export interface ActiveRun {
  readonly session: Session;
  readonly signal: AbortSignal;
  journal: JournalRow;
  /** Null: nothing. */
  known: KnownChanges | null;
  /** Stored by the last step, and not sent yet; null: what is stored is to be looked for. */
  next: BatchContentRow | null;
  /** Time at which the slice ends by itself, in milliseconds since 1970. */
  readonly sliceEndsAt: number;
}

export async function callFor(session: Session, signal: AbortSignal): Promise<BackendCall> {
  return { user: session.user, headers: await session.headers(''), signal };
}

export function noCredentials(): SyncError {
  return new SyncError(
    'no-credentials',
    'The headers given at sign-in are gone with the worker that had them. Open a page and sign in again; what is unsent is kept.',
    { retryable: true },
  );
}
