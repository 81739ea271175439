import type { ErrorCode, PlainError } from './errors.ts';
import type { Json, JsonRecord, RecordKey, RunId } from './record.ts';

export const runModes = ['all', 'unsynchronized', 'selected'] as const;
export type RunMode = (typeof runModes)[number];

/** What started a run. */
export const runTriggers = [
  'call',
  'background-sync',
  'online',
  'visible',
  'start',
  'timer',
  'write',
  'live',
  'push',
] as const;
export type RunTrigger = (typeof runTriggers)[number];

/** `contents`: those of downloaded files are fetched, after the records were put in place. */
export type RunPhase = 'files' | 'upload' | 'download' | 'apply' | 'contents';

/** Records of one table to synchronize: keys, records, both mixed, or a filter, which names what it matches when the run begins. */
export type TableSelection =
  | readonly (RecordKey | Readonly<Record<string, unknown>>)[]
  | { readonly filter: string | object; readonly params?: Readonly<Record<string, Json>> };

export interface SynchronizeOptions {
  /** @default 'all' */
  readonly mode?: RunMode;
  /** For mode `selected`: which records of which tables. */
  readonly selection?: Readonly<Record<string, TableSelection>>;
  /** For mode `selected`: whether unsent records that a selected one refers to travel with it. @default true */
  readonly includeParents?: boolean;
  /** What to do while another run goes: fail at once, wait for its end and run, or take part in it. @default 'error' */
  readonly onBusy?: 'error' | 'queue' | 'join';
  /** Whether a run in which some records were not taken throws `PartialSynchronizationError`. @default 'throw' */
  readonly onPartial?: 'throw' | 'return';
  /** Download everything again instead of what changed. Changes are kept. @default false */
  readonly full?: boolean;
}

/** What happened to one table in a run. */
export interface TableResult {
  readonly uploaded: number;
  readonly downloaded: number;
  readonly removed: number;
  readonly failed: number;
  readonly conflicts: number;
  /** Keys whose change the server took, at most 1,000 of them. */
  readonly uploadedKeys: readonly RecordKey[];
  readonly failedKeys: readonly RecordKey[];
}

export interface SkippedRecord {
  readonly table: string;
  readonly key: RecordKey;
  readonly reason: 'uncommitted' | 'unknown' | 'held' | 'blocked' | 'rejected' | 'conflict';
}

/**
 * What became of one selected record. `uploaded`, `deleted`: the server took the change. `refreshed`: the server's newer copy is
 * here. `unchanged`: there is none. `removed`: deleted on the server, or not readable any more. `pending`: changed since the run
 * began. The others say why it was not sent, or not taken.
 */
export const selectedOutcomes = [
  'uploaded',
  'deleted',
  'refreshed',
  'unchanged',
  'removed',
  'rejected',
  'conflict',
  'gone',
  'forbidden',
  'dangling',
  'blocked',
  'held',
  'uncommitted',
  'unknown',
  'pending',
] as const;

export type SelectedOutcomeName = (typeof selectedOutcomes)[number];

export interface SelectedOutcome {
  readonly table: string;
  readonly key: RecordKey;
  readonly outcome: SelectedOutcomeName;
  /** Why it was not sent, not taken, or is not here any more. */
  readonly reason?: string;
  /** In a call's own result: the record as it is here now; null: it is not here. */
  readonly record?: JsonRecord | null;
}

export type RunOutcome = 'finished' | 'partial' | 'failed' | 'cancelled';

export interface SynchronizeResult {
  readonly run: RunId;
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  readonly outcome: RunOutcome;
  readonly user: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly uploaded: number;
  readonly downloaded: number;
  readonly removed: number;
  readonly failed: number;
  readonly commands: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly tables: Readonly<Record<string, TableResult>>;
  /** What was left alone though it is not synchronized, and what of a selection was not there; at most 1,000 records. */
  readonly skipped: readonly SkippedRecord[];
  /** Of mode `selected`: one for each selected record, at most 1,000 of them. */
  readonly selected?: readonly SelectedOutcome[];
  readonly warnings: readonly string[];
  readonly error?: PlainError;
}

export function isSynchronizeResult(value: unknown): value is SynchronizeResult {
  if (typeof value !== 'object' || value === null) return false;
  const { run, outcome, tables } = value as Partial<Record<'run' | 'outcome' | 'tables', unknown>>;
  return typeof run === 'string' && typeof outcome === 'string' && typeof tables === 'object';
}

export interface Progress {
  readonly run: RunId;
  readonly phase: RunPhase;
  /** The table at work; null between tables. */
  readonly table: string | null;
  /** Records done in this phase so far. */
  readonly done: number;
  /** Records of this phase in all, where it is known. */
  readonly total: number | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** The answer to «why does nothing travel?» */
export type SyncObstacle =
  | { readonly type: 'none' }
  | { readonly type: 'nothing-to-do' }
  | { readonly type: 'busy' }
  | { readonly type: 'offline' }
  | { readonly type: 'signed-out' }
  | { readonly type: 'no-credentials' }
  | { readonly type: 'auth-required' }
  | { readonly type: 'storage' }
  /** Waiting after a fault; `until` in milliseconds since 1970. */
  | { readonly type: 'backing-off'; readonly until: number; readonly code: ErrorCode };

/** The state that a tab gets on connecting, and whenever it changes. */
export interface SyncState {
  readonly user: string | null;
  readonly syncing: boolean;
  /** The run that is going, with its last progress. */
  readonly run: {
    readonly id: RunId;
    readonly mode: RunMode;
    readonly trigger: RunTrigger;
    readonly startedAt: number;
  } | null;
  readonly progress: Progress | null;
  /** Whether the server answered last time; null: not tried yet. Tested, not believed. */
  readonly reachable: boolean | null;
  readonly authRequired: boolean;
  /** Records that are not synchronized, and unsent commands. */
  readonly pending: number;
  readonly failures: number;
  /** Whether the first download of every table that has one is complete. */
  readonly ready: boolean;
  readonly lastResult: SynchronizeResult | null;
  /** Which database it comes from; another one under the same user means that the browser has lost the first. */
  readonly storage?: string | null;
  /** The last loss of local data that is not made good yet by a full download. */
  readonly storageReset?: PlainError | null;
  /** The local database is encrypted, and no page has given its key since the worker started: `signIn` with `encryptionKey`. */
  readonly locked?: boolean;
}
