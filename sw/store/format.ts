import type { DBSchema, IDBPDatabase } from 'idb';
import type { ColumnVectors } from '../filter/index.ts';
import type { BoundedRoot, BoundsRow, HeadRow, PackedRecords, RootRow, SegmentRow } from './base-rows.ts';
import type { MetaName, MetaRow } from './meta-values.ts';
import type { OutcomeRow, RequestRow } from './request-rows.ts';
import type { JournalRow, SelectedRow, StagedRow } from './run-rows.ts';
import type { Json, MutationId, RecordKey, RunId } from '../protocol/record.ts';
import type { Failure } from '../protocol/status.ts';
import type { SynchronizeResult } from '../protocol/run.ts';

/** The version of the *storage format*; the app's schema version is in the rows. */
const formatVersion = 1;

/**
 * The database's version. It grows with the app's schema as well: so the browser closes the connection of a worker with older code,
 * which could still write rows of the older schema, and refuses such code the database.
 */
export function databaseVersion(schemaVersion: number): number {
  return formatVersion * 2 ** 20 + schemaVersion;
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
  /** It was made anew over a delete, which goes before it. */
  readonly anew?: true;
  /** The schema version under which it was written. */
  readonly schema: number;
  /** A later edit makes another row: a command named this record, or the row may be at the server. */
  readonly sealed?: true;
  /** It went out before and may be at the server, or the user had it sent again though it may be. */
  readonly sent?: 'perhaps' | 'again';
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
    /** The server's answer named them. */
    readonly answered?: boolean;
  };
  /** The run in which the server could not take it: that one sends it no more, and the next one behind all else. */
  readonly triedIn?: RunId;
  /** For `conflict`: the server's copy; `text` null: deleted there. */
  readonly server?: { readonly text: string | null; readonly version: string | null };
  /** How often it was sent and answered `conflict`. */
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
  /** As of a change. */
  readonly triedIn?: RunId;
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
  /** How often the server failed at it (500). */
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
  /** The hash, and the record that names it. */
  readonly hash: string;
  readonly run: RunId;
}

/** What a temporary key has become (U-08). Kept for good: a page may hold the old address. */
export interface AliasRow {
  readonly table: string;
  readonly from: RecordKey;
  readonly to: RecordKey;
}

export interface Format extends DBSchema {
  leaves: { key: [table: string, generation: number, number: number]; value: PackedRecords };
  vectors: { key: [table: string, generation: number, number: number]; value: ColumnVectors };
  segments: { key: [table: string, id: number]; value: SegmentRow };
  /** Under three elements: a root's bounds, or a part of a root that is not complete yet, by the number of its first leaf. */
  roots: {
    key: [table: string, id: number] | [table: string, id: number, part: number | 'bounds'];
    value: RootRow | BoundedRoot | BoundsRow;
  };
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
  /** When a mutation id or failure came in with an import; 0: the server took it. */
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
