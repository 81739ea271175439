import { SyncError } from '../protocol/errors.ts';
import type { ScopeOption } from '../protocol/scope.ts';
import type { ColumnType } from '../protocol/filter-tree.ts';
import type { JsonRecord, RecordKey } from '../protocol/record.ts';

export interface ColumnOptions {
  readonly type: ColumnType;
  /** Kept here, never sent. @default false */
  readonly local?: boolean;
  /** Keep each leaf's least and greatest value, so that filters skip leaves. @default false */
  readonly index?: boolean;
}

export type DeleteRule = 'server' | 'restrict' | 'null';

export type ReferenceOptions =
  | string
  | {
      readonly table: string;
      /**
       * What deleting the record referred to does here, offline too: it is refused (`restrict`), the field of the records
       * that refer to it becomes null (`null`), or nothing, as the server will decide (`server`). @default 'server'
       */
      readonly onDelete?: DeleteRule;
    };

/** What a conflict function decides from; `server` null: the record was deleted there. */
export interface ConflictCopies {
  readonly table: string;
  readonly key: RecordKey;
  readonly base: JsonRecord | null;
  readonly local: JsonRecord | null;
  readonly server: JsonRecord | null;
}

export type ConflictPolicy =
  'last-write-wins' | 'server-wins' | 'merge' | 'manual' | ((copies: ConflictCopies) => JsonRecord | 'server');

export interface TableOptions {
  /** Where the app fetches the table's records: a path, or the absolute URL of another origin. */
  readonly path: string;
  /** The field that holds the primary key. */
  readonly key: string;
  /**
   * The server makes the keys of new records. Here they go by temporary ones (a negative number or a UUID) until it has,
   * and are found by these afterwards too. @default false
   */
  readonly serverKeys?: boolean;
  readonly columns?: Readonly<Record<string, ColumnType | ColumnOptions>>;
  /** @default 'all' */
  readonly scope?: ScopeOption;
  /** Fields that hold another table's key. */
  readonly references?: Readonly<Record<string, ReferenceOptions>>;
  /** @default 'both' */
  readonly direction?: 'both' | 'up' | 'down' | 'local';
  /** @default 'last-write-wins' */
  readonly conflict?: ConflictPolicy;
  /** What becomes of a change that the server rejected: it stays, to be mended, or it goes into the failures. @default 'keep' */
  readonly onRejected?: 'keep' | 'discard';
  /** The field that holds the reference to the record's file, if it has one. It is also the file's name in its address. */
  readonly file?: string | FileOptions;
}

export interface FileOptions {
  readonly field: string;
  /** What is larger is refused `too-large`. In bytes. @default 104857600 (100 MiB) */
  readonly maxBytes?: number;
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly local: boolean;
  readonly index: boolean;
}

export interface Reference {
  readonly field: string;
  readonly table: string;
  readonly onDelete: DeleteRule;
}

/** A declared table, checked and with its defaults filled in. */
export interface Table {
  readonly name: string;
  readonly path: string;
  readonly key: string;
  readonly keyType: 'string' | 'number';
  readonly serverKeys: boolean;
  readonly columns: ReadonlyMap<string, Column>;
  readonly columnTypes: Readonly<Record<string, ColumnType>>;
  /** The columns of which each leaf's least and greatest value are kept. */
  readonly indexed: readonly string[];
  readonly scope: ScopeOption;
  readonly references: readonly Reference[];
  readonly direction: 'both' | 'up' | 'down' | 'local';
  readonly conflict: ConflictPolicy;
  readonly onRejected: 'keep' | 'discard';
  readonly file: TableFile | null;
}

export interface TableFile {
  readonly field: string;
  readonly maxBytes: number;
}

export interface Schema {
  readonly version: number;
  /** As declared, with the scopes that the signed-in user's pages have set. */
  readonly tables: ReadonlyMap<string, Table>;
  /** Puts these scopes in place of the declared ones. */
  useScopes(scopes: Readonly<Record<string, ScopeOption>>): void;
}

/** Whether changes of the table can be sent at all. Nothing waits for what never is (SPEC N-2). */
export function isSendable(table: Table): boolean {
  return table.direction === 'both' || table.direction === 'up';
}

/** Whether a run may upload the table's changes without being asked for these very records. */
export function isUploaded(table: Table): boolean {
  return table.scope !== 'never' && isSendable(table);
}

/** Whether a run of mode `all` downloads records of the table. */
export function isDownloaded(table: Table): boolean {
  return (
    (table.scope === 'all' || typeof table.scope === 'object') &&
    table.direction !== 'up' &&
    table.direction !== 'local'
  );
}

/** Whether everything that there is of a table is here, once its download is complete. */
export function holdsAll(table: Table): 'always' | 'when-complete' | 'in-scope' | 'never' {
  if (table.scope === 'never' || table.direction === 'local') return 'always';
  if (table.direction === 'up' || table.scope === 'nothing-clear' || table.scope === 'nothing-preserve') return 'never';
  return typeof table.scope === 'object' ? 'in-scope' : 'when-complete';
}

/** Whether a run of mode `all` leaves no base records of the table here. */
export function isEmptied(table: Table): boolean {
  return (table.scope === 'nothing-clear' || table.scope === 'online') && table.direction !== 'local';
}

/** A part of a URL's path as text; null if it is not encoded as one. */
export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Reads a record's key, or a key out of a URL; null if it is none of the table's type. */
export function keyOf(table: Table, value: unknown): RecordKey | null {
  if (table.keyType === 'number') {
    if (typeof value === 'number') return Number.isFinite(value) ? value : null;
    if (typeof value !== 'string' || !/^-?\d+(\.\d+)?$/.test(value)) return null;
    return Number(value);
  }
  return typeof value === 'string' && value !== '' ? value : null;
}

/** An address loses the segments `.` and `..`, and cannot hold half of a surrogate pair. */
export function isAddressable(key: RecordKey): boolean {
  return key !== '.' && key !== '..' && !/\p{Surrogate}/u.test(String(key));
}

/** @throws SyncError `invalid-key` */
export function checkAddressable(table: Table, key: RecordKey): void {
  if (isAddressable(key)) return;
  throw new SyncError(
    'invalid-key',
    `No address can name the key ${JSON.stringify(key)} in ${table.key}. Nothing was stored; take another key.`,
  );
}
