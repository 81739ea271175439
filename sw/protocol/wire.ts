/**
 * The batch protocol, version 1: what `batchBackend` sends and the reference server answers. All bodies are JSON in
 * UTF-8, but for the download, which is NDJSON (`application/x-ndjson`).
 *
 * Request headers: `Sync-Protocol: 1`, `Sync-Expect-User: <user>` (percent-encoded) on every request. The server
 * compares the expected user with the one of the credentials *before* it applies or reads anything, and answers 409
 * `user-mismatch` if they differ, 401 `auth-required` without credentials, 400 `protocol-version` for a version it does
 * not speak. Every answer carries `Sync-Protocol` and `Sync-User` (percent-encoded). Errors are problem+json
 * `{ type, title, status, code, detail }`.
 */
import type { FilterTree } from './filter-tree.ts';
import type { Json, JsonRecord, MutationId, RecordKey } from './record.ts';

export const protocolVersion = 1;

/** One change or command of an upload, as stored in its batch and sent without alteration at every attempt. */
export type WireChange =
  | {
      readonly type: 'create';
      readonly mutationId: MutationId;
      readonly table: string;
      readonly key: RecordKey;
      readonly record: JsonRecord;
      /**
       * The key was made by the client for the time being: the server makes its own, which the outcome names. Until it has,
       * the changes of the same upload mean this record by the temporary key: as their key, in a reference, in a command's
       * path and body. A repeat of the mutation id gets the key that was made the first time.
       */
      readonly temporary?: true;
    }
  | {
      /** The whole record as it is here; `fields` names those that differ from the base (all, if it was marked). */
      readonly type: 'update';
      readonly mutationId: MutationId;
      readonly table: string;
      readonly key: RecordKey;
      readonly record: JsonRecord;
      readonly fields: readonly string[];
      /** The base's version, or null where the server's state at the edit is not known. */
      readonly baseVersion: string | null;
      /** What the base has of the fields that hold an object, for a backend that sends what differs in them. */
      readonly before?: JsonRecord;
    }
  | {
      readonly type: 'delete';
      readonly mutationId: MutationId;
      readonly table: string;
      readonly key: RecordKey;
      readonly baseVersion: string | null;
    }
  | {
      readonly type: 'command';
      readonly mutationId: MutationId;
      readonly method: string;
      /** Path with its query, relative to the server's root. */
      readonly path: string;
      readonly body: Json;
    };

/** `POST /sync/upload`. The server answers outcomes in the order of `changes`, each applied by itself. */
export interface UploadRequest {
  readonly protocol: number;
  /** The app's schema version. */
  readonly schema: number;
  readonly device: string;
  readonly run: string;
  /**
   * What the server does if a record's version is not `baseVersion`, by table: `overwrite` applies the named fields all
   * the same; `report` answers `conflict` with the current record. `report` where a table is not named.
   */
  readonly onConflict: Readonly<Record<string, 'overwrite' | 'report'>>;
  /** The changes belong together: they are all applied, or none is. */
  readonly group?: string;
  readonly changes: readonly WireChange[];
}

/**
 * What the server said of one change. A replay of a mutation id gets the stored outcome with the *current* record.
 *
 * - `applied`: done; `record` is what the server made of it (null after a delete or for a command without a record).
 *   `key` differs from the sent one where the server assigns keys. `of` says of a command which record it is and the version that the
 *   command found; not of a repeat, nor where this upload had changed it before. Then what was made on that version here is not in conflict with it.
 * - `rejected`: not applied, and sending it again unchanged is of no use.
 * - `conflict`: not applied, the record has another version; `record` null: it was deleted meanwhile (never for a delete). Of a group
 *   it is the record as it stands without the group's other changes, which are undone.
 * - `gone`: an update or command for a record that was deleted. `forbidden`: not (any more) readable or writable by this user.
 * - `dangling`: it refers to a record that the server does not have; `references` names it.
 * - `undone`: it was not applied because another change of its group was not, which is named.
 * - `later`: not applied, a fault of the server's own; try again. `fenced`: refused for ever, see settle.
 */
export type Outcome =
  | {
      readonly type: 'applied';
      readonly mutationId: MutationId;
      readonly key?: RecordKey;
      readonly record: JsonRecord | null;
      readonly version: string | null;
      readonly of?: { readonly table: string; readonly key: RecordKey; readonly found: string };
    }
  | {
      readonly type: 'rejected';
      readonly mutationId: MutationId;
      readonly code: 'validation' | 'hook' | 'too-large' | 'schema';
      readonly message: string;
      /** A message for each field at fault. */
      readonly fields?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'conflict';
      readonly mutationId: MutationId;
      readonly record: JsonRecord | null;
      readonly version: string | null;
    }
  | { readonly type: 'gone'; readonly mutationId: MutationId; readonly message: string }
  | { readonly type: 'forbidden'; readonly mutationId: MutationId; readonly message: string }
  | {
      readonly type: 'dangling';
      readonly mutationId: MutationId;
      readonly message: string;
      readonly references: { readonly table: string; readonly key: RecordKey };
    }
  | { readonly type: 'undone'; readonly mutationId: MutationId; readonly because: MutationId }
  | { readonly type: 'later'; readonly mutationId: MutationId; readonly message: string }
  | { readonly type: 'fenced'; readonly mutationId: MutationId };

export interface UploadResponse {
  readonly protocol: number;
  readonly serverEpoch: string;
  readonly outcomes: readonly Outcome[];
}

/** `POST /sync/settle`: the stored outcome of each mutation id; an id without one is fenced if `fence`, else `unknown`. */
export interface SettleRequest {
  readonly protocol: number;
  readonly mutationIds: readonly MutationId[];
  readonly fence: boolean;
}

export interface SettleResponse {
  readonly protocol: number;
  readonly serverEpoch: string;
  readonly outcomes: readonly (Outcome | { readonly type: 'unknown'; readonly mutationId: MutationId })[];
}

/** Which records of a table a download is about. */
export type WireScope =
  | { readonly type: 'all' }
  | { readonly type: 'filter'; readonly filter: FilterTree; readonly params: Readonly<Record<string, Json>> };

export interface DownloadTable {
  readonly table: string;
  readonly scope: WireScope;
  /** From an earlier end mark, or null for a full download. The server ignores a cursor that it cannot honour. */
  readonly cursor: string | null;
  /** Continues a full download that was broken off: `after` is the last key stored, `snapshot` from its start mark. */
  readonly resume?: { readonly snapshot: string; readonly after: RecordKey };
}

/** `POST /sync/download`. Tables are answered one after the other, in the order asked for. */
export interface DownloadRequest {
  readonly protocol: number;
  readonly schema: number;
  readonly tables: readonly DownloadTable[];
}

/**
 * The marks of a download. One mark a line; after a `records` mark follow `count` lines, each one record's JSON, sorted
 * by key within a full download (numbers by value, strings by UTF-16 code unit; a client must survive another order).
 *
 * `start` → for each table: `table` → any number of `records` and `removals` → `end` (or `refused`) → `finish`.
 *
 * A full download (`full: true`) sends the table's records by key while the server goes on living; whatever changed since
 * its `snapshot` follows before `end` as further `records` with `delta: true`, and as `removals`. So `end.cursor` stands for
 * the state at the end mark, and `end.count` is the number of records in scope and readable then.
 * A stream without `finish` was cut: nothing of it is believed but what a resume may continue.
 */
export type DownloadMark =
  | { readonly type: 'start'; readonly protocol: number; readonly serverEpoch: string; readonly tables: number }
  | {
      readonly type: 'table';
      readonly table: string;
      readonly full: boolean;
      readonly snapshot: string;
      readonly total?: number;
    }
  | {
      readonly type: 'records';
      readonly table: string;
      readonly count: number;
      readonly versions: readonly string[];
      readonly delta?: boolean;
    }
  | { readonly type: 'removals'; readonly table: string; readonly keys: readonly RecordKey[] }
  | { readonly type: 'end'; readonly table: string; readonly cursor: string; readonly count: number }
  /** The user may not read this table: it is empty for them, with a warning. */
  | { readonly type: 'refused'; readonly table: string; readonly message: string }
  | { readonly type: 'finish'; readonly tables: number };

/** `POST /sync/read`: current copies of single records. */
export interface ReadRequest {
  readonly protocol: number;
  readonly tables: readonly { readonly table: string; readonly keys: readonly RecordKey[] }[];
}

export interface ReadResponse {
  readonly protocol: number;
  readonly serverEpoch: string;
  readonly tables: readonly {
    readonly table: string;
    /** `record` null: deleted or not readable. */
    readonly records: readonly {
      readonly key: RecordKey;
      readonly record: JsonRecord | null;
      readonly version: string | null;
    }[];
  }[];
}

/** `POST /sync/failures`: what the server did not take, for its failure log; answered 204. Repeats by `id` are ignored. */
export interface FailuresRequest {
  readonly protocol: number;
  readonly failures: readonly {
    readonly id: string;
    readonly table: string;
    readonly key: RecordKey;
    readonly operation: string;
    readonly content: Json;
    readonly base: Json;
    readonly code: string;
    readonly message: string;
    readonly user: string;
    readonly device: string;
    readonly run: string;
    /** Milliseconds since 1970 by the device's clock. */
    readonly at: number;
  }[];
}

/**
 * `POST /sync/files`: how much of each content the server has for this user, because they sent it or may read a record that
 * names it. `received` equal to the content's size means all of it.
 */
export interface FilesRequest {
  readonly protocol: number;
  readonly hashes: readonly string[];
}

/**
 * Also the answer to `PUT /sync/files/<hash>`, which sends one chunk of 1 MiB (the last one shorter) with
 * `Content-Range: bytes <first>-<last>/<size>`, or an empty body with `bytes * /0` (without the space) for an empty content.
 * Chunks are sent in order; one that the server has is acknowledged again, one that comes too early is answered 409 `offset`
 * with `received`, and the client goes on from there. With the last chunk the hash is compared; a content that is another is
 * answered 422 `hash` and forgotten. Larger than the server takes: 413 `too-large`.
 *
 * `GET /sync/files/<hash>` gives the content, `Range` included, to a user who sent it or may read a record that names it; 404
 * otherwise. A record that names a content which the server does not have for its user is `rejected` with the code
 * `validation`.
 */
export interface FilesResponse {
  readonly protocol: number;
  readonly files: readonly { readonly hash: string; readonly received: number }[];
}
