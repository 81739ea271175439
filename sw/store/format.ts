import type { DBSchema, IDBPDatabase } from 'idb';
import type { ColumnBounds, ColumnVectors } from '../filter/index.ts';
import type { KeySlot } from './key-slot.ts';
import type { Json, MutationId, RecordKey, RunId } from '../protocol/record.ts';
import type { Failure, FailureCode } from '../protocol/status.ts';
import type { ScopeOption } from '../protocol/scope.ts';
import type { RunMode, RunTrigger, Progress, SelectedOutcomeName, SynchronizeResult } from '../protocol/run.ts';
import type { ErrorCode } from '../protocol/errors.ts';

/** The version of the *storage format*; the app's schema version is in the rows. */
const formatVersion = 1;

/**
 * The database's version. It grows with the app's schema as well: so the browser closes the connection of a worker with older code,
 * which could still write rows of the older schema, and refuses such code the database.
 */
export function databaseVersion(schemaVersion: number): number {
  return formatVersion * 2 ** 20 + schemaVersion;
}

/** Records in one value, sorted by key. The text of record `i` ends at `ends[i]`, and starts behind the comma after the last. */
export interface PackedRecords {
  readonly keys: readonly RecordKey[];
  /** One string where all records have the same version. */
  readonly versions: string | readonly string[];
  /** The records' JSON, joined by commas. */
  readonly text: string;
  readonly ends: Uint32Array;
}

export interface SegmentRow extends PackedRecords {
  /** Keys of records that are gone since; sorted. */
  readonly removed: readonly RecordKey[];
}

/** The leaves of a table, in key order; element `i` of each list is about leaf `i`. Immutable. */
export interface RootRow {
  readonly generations: readonly number[];
  readonly numbers: readonly number[];
  readonly firstKeys: readonly RecordKey[];
  readonly counts: readonly number[];
  /** By indexed column; null where nothing is known of a leaf. */
  readonly bounds: Readonly<Record<string, readonly (ColumnBounds | null)[]>>;
}

export interface SegmentRef {
  readonly id: number;
  readonly records: number;
  readonly removals: number;
}

/** Where a table's base stands. What no head names is not there. */
export interface HeadRow {
  readonly table: string;
  /** Grows with each change of this row. */
  readonly generation: number;
  /** The root's number, or null: no leaves. */
  readonly root: number | null;
  /** Newest last: a later one overrides an earlier one. */
  readonly segments: readonly SegmentRef[];
  readonly cursor: string | null;
  /** What the cursor holds for: user, scope, schema version, server epoch. */
  readonly cursorFor: string;
  /** Whether a first download is complete, so that absence is known. */
  readonly complete: boolean;
  /** Whether that was of the whole table, so that a missing record is known to be absent. */
  readonly whole: boolean;
  /** Milliseconds since 1970 of the last download; 0: none. */
  readonly downloadedAt: number;
  /** Grows with each change of the table's marks. */
  readonly marks: number;
  /** How many records are marked to be sent, and how many are held back. */
  readonly sendMarks: number;
  readonly holdMarks: number;
  /** The server's count at the last download, while nothing but that download is in the segments; else null. */
  readonly expectedCount: number | null;
}

/** The copy on which a change was made. `version` null: not known (yet). */
export interface ChangeBase {
  readonly text: string;
  readonly version: string | null;
}

export type ChangeState = 'pending' | 'rejected' | 'conflict' | 'blocked' | 'unknown';

/** A committed local write that the server has not acknowledged. */
export interface ChangeRow {
  readonly table: string;
  readonly key: RecordKey;
  readonly seq: number;
  readonly mutationId: MutationId;
  readonly operation: 'create' | 'update' | 'delete';
  /** The record's JSON after the change; null for a delete. */
  readonly text: string | null;
  readonly base: ChangeBase | null;
  /** Every field counts as changed: the record was marked, or put over a delete. */
  readonly whole: boolean;
  /** The schema version under which it was written. */
  readonly schema: number;
  /** A command that named this record sealed the row: a later edit makes another one. */
  readonly sealed?: true;
  readonly group?: GroupRef;
  /** Somebody wants to hear what becomes of it: a row in `outcomes` is left when nothing stands for it any more. */
  readonly asked?: true;
  readonly state: ChangeState;
  /** `[table, state]` where the state is not `pending`: an index lists only what is stuck. */
  readonly stuck?: readonly [string, ChangeState];
  /** Where it is `blocked`: the record that it waits for, for an index. */
  readonly waitsFor?: readonly [table: string, key: RecordKey];
  readonly reason?: {
    readonly code: string;
    readonly message: string;
    readonly fields?: Readonly<Record<string, string>>;
    readonly failure?: string;
    readonly references?: { readonly table: string; readonly key: RecordKey };
  };
  /** For `conflict`: the server's copy; `text` null: deleted there. */
  readonly server?: { readonly text: string | null; readonly version: string | null };
  /** How often it was sent and answered `later` or `conflict`. */
  readonly attempts: number;
  readonly madeAt: number;
}

/** An atomic group: its changes and commands have the `size` seqs from `first` on, and are sent by themselves, together. */
export interface GroupRef {
  readonly id: string;
  readonly first: number;
  readonly size: number;
}

export interface CommandRow {
  readonly seq: number;
  readonly group?: GroupRef;
  /** As of a change. */
  readonly asked?: true;
  /** The records that it names; it waits for those that the server does not have yet. */
  readonly names: readonly { readonly table: string; readonly key: RecordKey }[];
  /** Its state, where that is not `pending`: an index lists only what is stuck. */
  readonly stuck?: ChangeState;
  /** As of a change. */
  readonly waitsFor?: readonly [table: string, key: RecordKey];
  readonly mutationId: MutationId;
  readonly method: string;
  readonly path: string;
  readonly body: Json;
  readonly state: ChangeState;
  readonly reason?: NonNullable<ChangeRow['reason']>;
  readonly attempts: number;
  readonly madeAt: number;
}

/** What a batch names, read by every write; kept apart from the content, which is large. */
export interface BatchMembersRow {
  readonly batch: number;
  readonly run: RunId;
  readonly seqs: readonly number[];
}

export type BatchItem =
  | {
      readonly type: 'change';
      readonly seq: number;
      readonly mutationId: MutationId;
      readonly table: string;
      readonly key: RecordKey;
    }
  | { readonly type: 'command'; readonly seq: number; readonly mutationId: MutationId };

/** What was sent, byte for byte, at each attempt. */
export interface BatchContentRow {
  readonly batch: number;
  readonly run: RunId;
  readonly items: readonly BatchItem[];
  /** For a server without idempotency: the ids of which a first request has gone out. */
  readonly attempted?: readonly MutationId[];
  readonly body: string;
  readonly attempts: number;
}

/** Up to 1,024 keys under one status set by hand. */
export interface MarkRow {
  readonly kind: 'send' | 'hold';
  readonly count: number;
  /** The keys as JSON, sorted. */
  readonly keys: string;
}

export interface FailureRow extends Failure {
  /** The change that still stands for it, if there is one. */
  readonly seq: number | null;
  readonly mutationId?: MutationId;
  /** Whether the server's failure log has it. */
  readonly reported: 0 | 1;
}

/** How far the download of one table in the open run has come; written with each piece (SPEC L-1). */
export interface StagedRow {
  readonly id: `staged:${string}`;
  readonly table: string;
  /** The number under which its leaves are written. */
  readonly generation: number;
  readonly full: boolean;
  readonly snapshot: string;
  readonly root: RootRow;
  readonly lastKey: RecordKey | null;
  readonly segments: readonly SegmentRef[];
  /** Segments that the head named when staging began; a full download replaces these and keeps later ones. */
  readonly replaced: readonly number[];
  readonly downloaded: number;
  readonly removed: number;
  readonly end: { readonly cursor: string; readonly count: number; readonly cursorFor: string } | null;
  readonly refused: boolean;
  /** What it is downloaded for; if that is not so any more, it is not put in place. */
  readonly ground?: string;
  /** Copies of selected records only: the cursor stays where it is. */
  readonly refresh?: boolean;
}

/** What is known so far of a selected record's fate; null: nothing yet. */
export interface SelectedVerdict {
  readonly outcome: SelectedOutcomeName;
  readonly reason?: string;
}

/** A part of the open run's selection. Small, so that a run holds a part of it at a time. */
export interface SelectedRow {
  readonly table: string;
  readonly keys: readonly RecordKey[];
  /** Element `i` is about key `i`. */
  readonly verdicts: readonly (SelectedVerdict | null)[];
}

/** Where a run of mode `selected` is. */
export interface SelectionProgress {
  readonly parts: number;
  /** Parts that are done in the phase at work. */
  readonly done: number;
  readonly keys: number;
  readonly includeParents: boolean;
}

export interface TableTally {
  readonly uploaded: number;
  readonly downloaded: number;
  readonly removed: number;
  readonly failed: number;
  readonly conflicts: number;
  readonly uploadedKeys: readonly RecordKey[];
  readonly failedKeys: readonly RecordKey[];
}

/** The open run. It is small, and written with every step. */
export interface JournalRow {
  readonly id: 'open';
  readonly run: RunId;
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  readonly full: boolean;
  readonly user: string;
  readonly startedAt: number;
  readonly state: 'uploading' | 'downloading' | 'refreshing' | 'applying' | 'fetching';
  /** Of mode `selected`. */
  readonly selection?: SelectionProgress;
  /** What was written later is for the next run. */
  readonly throughSeq: number;
  /** Changes below or at this `seq` were looked at. */
  readonly uploadedThrough: number;
  readonly uploadTotal: number;
  readonly uploadDone: number;
  /** Files that are done with, over all batches. */
  readonly filesDone?: number;
  /** Rows at or below `uploadedThrough` that are to be sent once more in this run. */
  readonly resend: readonly number[];
  readonly tally: Readonly<Record<string, TableTally>>;
  readonly commands: number;
  readonly failed: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly warnings: readonly string[];
  /** Hashes of contents that the server does not have for this user: not asked for again in this run. */
  readonly lackingContents?: readonly string[];
  readonly progress: Progress | null;
}

/** A file's content, by its hash. Its chunks are in `files`, under its number. */
export interface ContentRow {
  readonly hash: string;
  /** Never used again: chunks under a number that no row names are what an interrupted store left. */
  readonly number: number;
  readonly size: number;
  /** How many bytes are here. */
  readonly received: number;
  /** The hashes of the chunks that are here, while more are to come; in hex. */
  readonly digests: readonly string[];
}

/** The server has this content, as it said in this run. */
export interface SentContentRow {
  readonly hash: string;
  readonly run: RunId;
}

/** A request of a page that wrote, until its answer was handed over (SPEC ). */
export interface RequestRow {
  readonly fingerprint: string;
  readonly incarnation: string;
  readonly at: number;
  readonly bodyHash: string;
  readonly status: number;
  readonly body: string | null;
  readonly location: string | null;
  readonly table: string;
  readonly key: RecordKey;
  readonly mutationId: MutationId;
  /** An explicit idempotency key, kept longer. */
  readonly explicit: boolean;
  /** The first and last `seq` of what it stored to be sent: an empty range where it came to nothing. None of a draft. */
  readonly seqs?: readonly [number, number];
}

/** What became of a change or command that somebody asked about, after nothing stands for it any more. */
export interface OutcomeRow {
  readonly seq: number;
  readonly at: number;
  readonly end:
    | { readonly type: 'applied' }
    /** What is left of it goes on in a later change of the record. */
    | { readonly type: 'continued'; readonly seq: number }
    | { readonly type: 'refused'; readonly code: FailureCode; readonly failure: string | null }
    | { readonly type: 'discarded' };
}

/** What a temporary key has become (U-08). Kept for good: a page may hold the old address. */
export interface AliasRow {
  readonly table: string;
  readonly from: RecordKey;
  readonly to: RecordKey;
}

/** Single values of a database. */
export interface MetaValues {
  readonly device: string;
  /** The last `seq` given out; `getMeta` looks in `seqWrites` too. */
  readonly seq: number;
  /** Another value after each transaction that may have written heads. */
  readonly seqHeads: string;
  /** What a guessed write leaves in one row: its `seq`, and requests of pages whose answers may still be handed over. */
  readonly seqWrites: { readonly seq: number; readonly requests: readonly RequestRow[] };
  /** The last number given to a root, leaf generation, segment or batch. */
  readonly number: number;
  /** Rows with a `seq` up to this are sealed. */
  readonly sealedThrough: number;
  /** Another value after each transaction that may have written changes. */
  readonly changesStamp: string;
  readonly serverEpoch: string;
  /** Which database this is; made with it (SPEC Z-1). */
  readonly epoch: string;
  /** The browser made it in the place of a damaged one. */
  readonly dataLoss: boolean;
  /** Epoch of the lost database in the place of which it was made. */
  readonly replaces: string;
  /** Local data was lost, and a full download has not ended since. */
  readonly storageReset: { readonly atLeast: number; readonly at: number };
  /** If rows are encrypted: by what key; and whether rows from before may be left. */
  readonly encryption: { readonly slot: KeySlot; readonly rowsLeft: boolean };
  /** The app's schema that last opened the database, by table its shape, and whether rows of an older one may be left. */
  readonly schema: {
    readonly version: number;
    readonly shapes: Readonly<Record<string, { readonly key: string; readonly columns: string }>>;
    readonly rowsLeft: boolean;
  };
  readonly backoff: { readonly until: number; readonly attempts: number; readonly code: ErrorCode };
  readonly authRequired: boolean;
  /** A run was asked for while another went. */
  readonly runAgain: { readonly mode: RunMode; readonly trigger: RunTrigger };
  readonly reachable: boolean;
  /** Scopes that were set by a page, by table. */
  readonly scopes: Readonly<Record<string, ScopeOption>>;
  /** The run that is to end as cancelled. */
  readonly cancelRun: RunId;
  /** How many temporary keys were replaced so far. */
  readonly aliases: number;
  /** By table: the head's generation for which all contents that the server has are here. */
  readonly contentsFetched: Readonly<Record<string, number>>;
}

export type MetaName = keyof MetaValues;
export type MetaRow = {
  readonly [Name in MetaName]: { readonly name: Name; readonly value: MetaValues[Name] };
}[MetaName];

export interface Format extends DBSchema {
  leaves: { key: [table: string, generation: number, number: number]; value: PackedRecords };
  vectors: { key: [table: string, generation: number, number: number]; value: ColumnVectors };
  segments: { key: [table: string, id: number]; value: SegmentRow };
  roots: { key: [table: string, id: number]; value: RootRow };
  heads: { key: string; value: HeadRow };
  changes: {
    key: [table: string, key: RecordKey, seq: number];
    value: ChangeRow;
    indexes: { seq: number; stuck: [table: string, state: string]; waitsFor: [table: string, key: RecordKey] };
  };
  commands: {
    key: number;
    value: CommandRow;
    indexes: { stuck: string; waitsFor: [table: string, key: RecordKey] };
  };
  aliases: { key: [table: string, from: RecordKey]; value: AliasRow };
  members: { key: number; value: BatchMembersRow };
  batches: { key: number; value: BatchContentRow };
  marks: { key: [table: string, kind: string, first: RecordKey]; value: MarkRow };
  drafts: { key: [table: string, key: RecordKey]; value: ChangeRow };
  failures: { key: string; value: FailureRow; indexes: { at: number; reported: number } };
  /** Chunks of 1 MiB, the last one shorter; buffers, as handles of blobs have lost their content in WebKit. */
  files: { key: [number: number, chunk: number]; value: ArrayBuffer };
  contents: { key: string; value: ContentRow };
  sentContents: { key: string; value: SentContentRow };
  /** When a mutation id or failure came in with an import. */
  imported: { key: string; value: number };
  runs: { key: string; value: JournalRow | StagedRow };
  selected: { key: number; value: SelectedRow };
  history: { key: [startedAt: number, run: string]; value: SynchronizeResult };
  requests: { key: string; value: RequestRow; indexes: { at: number } };
  outcomes: { key: number; value: OutcomeRow; indexes: { at: number } };
  meta: { key: MetaName; value: MetaRow };
}

export const storeNames = [
  'leaves',
  'vectors',
  'segments',
  'roots',
  'heads',
  'changes',
  'commands',
  'aliases',
  'members',
  'batches',
  'marks',
  'drafts',
  'failures',
  'files',
  'contents',
  'sentContents',
  'imported',
  'runs',
  'selected',
  'history',
  'requests',
  'outcomes',
  'meta',
] as const;

export type StoreName = (typeof storeNames)[number];

/** Makes the object stores of version 1. Runs inside `versionchange`; nothing else may be awaited there. */
export function createStores(database: IDBPDatabase<Format>): void {
  database.createObjectStore('leaves');
  database.createObjectStore('vectors');
  database.createObjectStore('segments');
  database.createObjectStore('roots');
  database.createObjectStore('heads', { keyPath: 'table' });
  const changes = database.createObjectStore('changes', { keyPath: ['table', 'key', 'seq'] });
  changes.createIndex('seq', 'seq');
  changes.createIndex('stuck', 'stuck');
  changes.createIndex('waitsFor', 'waitsFor');
  const commands = database.createObjectStore('commands', { keyPath: 'seq' });
  commands.createIndex('stuck', 'stuck');
  commands.createIndex('waitsFor', 'waitsFor');
  database.createObjectStore('aliases', { keyPath: ['table', 'from'] });
  database.createObjectStore('members', { keyPath: 'batch' });
  database.createObjectStore('batches', { keyPath: 'batch' });
  database.createObjectStore('marks');
  database.createObjectStore('drafts', { keyPath: ['table', 'key'] });
  const failures = database.createObjectStore('failures', { keyPath: 'id' });
  failures.createIndex('at', 'at');
  failures.createIndex('reported', 'reported');
  database.createObjectStore('files');
  database.createObjectStore('contents', { keyPath: 'hash' });
  database.createObjectStore('sentContents', { keyPath: 'hash' });
  database.createObjectStore('imported');
  database.createObjectStore('runs', { keyPath: 'id' });
  database.createObjectStore('selected');
  database.createObjectStore('history', { keyPath: ['startedAt', 'run'] });
  const requests = database.createObjectStore('requests', { keyPath: 'fingerprint' });
  requests.createIndex('at', 'at');
  const outcomes = database.createObjectStore('outcomes', { keyPath: 'seq' });
  outcomes.createIndex('at', 'at');
  database.createObjectStore('meta', { keyPath: 'name' });
}
