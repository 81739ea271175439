import type { FilterTree } from '../protocol/filter-tree.ts';
import type { Json, JsonRecord, MutationId, RecordKey } from '../protocol/record.ts';
import type { FailuresRequest, Outcome, SettleResponse, WireScope } from '../protocol/wire.ts';

/** A declared table, as far as a backend must know it. */
export interface BackendTable {
  readonly name: string;
  readonly path: string;
  readonly key: string;
  readonly keyType: 'string' | 'number';
  /** The field of a record that refers to its file. */
  readonly file?: { readonly field: string } | null;
  /** The server makes the keys of new records. */
  readonly serverKeys: boolean;
  readonly references: readonly { readonly field: string; readonly table: string }[];
}

/** What a backend is given when the worker starts. Everything that reaches outside is here, so that it can be replaced. */
export interface BackendContext {
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>;
  /** The worker's address: relative URLs are resolved against it. */
  readonly origin: string;
  readonly tables: ReadonlyMap<string, BackendTable>;
  readonly schema: number;
  readonly now: () => number;
}

/** What one call needs: whom it is for, what to send along, and when to stop. */
export interface BackendCall {
  /** The user whose data this is; the server's own word on who it was must agree (invariant 12). */
  readonly user: string;
  /** Headers made for this attempt, never stored. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Settles when it is stored that a request for this change goes out; it must not go out before. */
  readonly onAttempt?: (id: MutationId) => Promise<void>;
  /** Of an upload: the server failed at the same before, so that a change in it may be the cause. @default false */
  readonly failedBefore?: boolean;
}

/** The frame of an upload; the changes are texts of `WireChange`s, sent in this order. */
export interface UploadContent {
  readonly device: string;
  readonly run: string;
  readonly onConflict: Readonly<Record<string, 'overwrite' | 'report'>>;
  /** The changes are to be taken together, or not at all. Only for a backend with `atomicGroups`. */
  readonly group?: string;
  readonly changes: readonly string[];
  /** Of these: what may have gone out before. */
  readonly sentBefore: ReadonlySet<string>;
}

export interface UploadReply {
  /** In the order sent. Without a fault: one for each change. With one, or of a part: those that are known for certain. */
  readonly outcomes: readonly Outcome[];
  /** Nothing is wrong, but what has no outcome was not sent: it is to be sent next. @default false */
  readonly isPart?: boolean;
  /** It fails at so much that nothing more is to be sent in this run. @default false */
  readonly gaveUp?: boolean;
  /** What went out by itself and got no answer: it may have been taken. @default none */
  readonly unanswered?: readonly MutationId[];
  /** All that has no outcome went out, and the server failed at it: it may have been taken. @default false */
  readonly wasSent?: boolean;
  readonly serverEpoch: string | null;
  /** What ended the upload before all were answered. What has no outcome stays in flight, or is planned anew (SPEC T-6). */
  readonly fault: Error | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface DownloadRequestTable {
  readonly table: string;
  readonly scope: WireScope;
  readonly cursor: string | null;
  readonly resume: { readonly snapshot: string; readonly after: RecordKey } | null;
}

/** A download as it comes in. Order: `start`; for each table `table`, pieces, `end` or `refused`; `finish`. */
export type DownloadPiece =
  | { readonly type: 'start'; readonly serverEpoch: string }
  | {
      readonly type: 'table';
      readonly table: string;
      readonly full: boolean;
      readonly snapshot: string;
      readonly total: number | null;
    }
  | {
      readonly type: 'records';
      readonly table: string;
      /** Each record's JSON, exactly as sent. */
      readonly texts: readonly string[];
      readonly records: readonly JsonRecord[];
      readonly versions: readonly string[];
      /** Came since the snapshot or cursor: overrides what the full part brought. */
      readonly delta: boolean;
      readonly bytes: number;
    }
  | { readonly type: 'removals'; readonly table: string; readonly keys: readonly RecordKey[]; readonly bytes: number }
  | { readonly type: 'end'; readonly table: string; readonly cursor: string; readonly count: number }
  | { readonly type: 'refused'; readonly table: string; readonly message: string }
  | { readonly type: 'finish' };

export interface ReadRecord {
  readonly key: RecordKey;
  /** Null: deleted, or not readable. */
  readonly record: JsonRecord | null;
  readonly version: string | null;
}

/** A content that a record names: REST servers know it by the record, others by its hash. */
export interface FileOfRecord {
  readonly table: string;
  readonly key: RecordKey;
  readonly hash: string;
  readonly size: number;
  readonly type: string;
}

/** A content that is here, to be sent. */
export interface ContentSource {
  /** Chunk `index` of 1 MiB; the last one is shorter. */
  chunk(index: number): Promise<ArrayBuffer>;
}

/** How the contents of files travel. Errors as everywhere; a refusal of the content itself is a `SyncError` `server` or `too-large`. */
export interface FileTransfer {
  /** How many bytes of each content the server has, in the order asked; all of it means that nothing is sent. */
  received(files: readonly FileOfRecord[], call: BackendCall): Promise<readonly number[]>;
  /**
   * Sends the bytes from `from` on, which `received` said. Resolves when the server has acknowledged all.
   *
   * @param onSent Hears how many bytes the server has. What it rejects with ends the transfer between two chunks.
   */
  send(
    file: FileOfRecord,
    source: ContentSource,
    options: { readonly from: number; readonly onSent: (bytes: number) => void; readonly call: BackendCall },
  ): Promise<void>;
  /** The content from a byte on; `from` is where it really begins. Null: the server does not have it, or not for this user. */
  fetch(
    file: FileOfRecord,
    from: number,
    call: BackendCall,
  ): Promise<{ readonly from: number; readonly body: AsyncIterable<Uint8Array> } | null>;
}

/**
 * The server, as the engine sees it. Two implementations, one contract suite. Every method may be called again after any
 * fault. They reject with a `SyncError`: `network`, `unreachable`, `server` (all retryable; `details.retryAfterMs` if the
 * server said when), `auth-required`, `user-mismatch`, `not-our-server`, `protocol-version`.
 */
export interface BackendConnection {
  /** Makes the body that is stored as the batch, and is sent at every attempt as it is. */
  encodeUpload(content: UploadContent): string;
  upload(body: string, call: BackendCall): Promise<UploadReply>;
  download(tables: readonly DownloadRequestTable[], call: BackendCall): AsyncIterable<DownloadPiece>;
  read(table: string, keys: readonly RecordKey[], call: BackendCall): Promise<readonly ReadRecord[]>;
  settle(ids: readonly MutationId[], fence: boolean, call: BackendCall): Promise<SettleResponse['outcomes']>;
  readonly files: FileTransfer;
  reportFailures(failures: FailuresRequest['failures'], call: BackendCall): Promise<void>;
  /** Resolves if our server answers: connectivity is tested, not believed. */
  ping(call: BackendCall): Promise<void>;
  /** Where a tab hears that there is something to download; null if the server does not say. */
  readonly liveUrl: string | null;
  /** Whether nothing can be sent or asked before somebody has signed in. */
  readonly needsUser: boolean;
  /** Whether an unanswered write may be sent again. False: its outcome is unknown and a user must decide. */
  readonly idempotent: boolean;
  /** Whether it can have several changes taken together, or not at all. */
  readonly atomicGroups: boolean;
}

/** What `startSync` takes as `backend`. */
export interface Backend {
  connect(context: BackendContext): BackendConnection;
}

/** A scope that a table's download can have. */
export function wireScope(filter: FilterTree | null, params: Readonly<Record<string, Json>>): WireScope {
  return filter === null ? { type: 'all' } : { type: 'filter', filter, params };
}
