/** A row as the drivers give it. Queries cast what is wider than a JavaScript number (bigint, xid8) to text. */
export type SqlRow = Readonly<Record<string, unknown>>;

export interface Queryable {
  query(sql: string, parameters?: readonly unknown[]): Promise<readonly SqlRow[]>;
}

export interface TransactionOptions {
  /** All statements see one state of the database and none may write. */
  readonly snapshot?: boolean;
}

/**
 * What the server needs of a database. `transaction` commits when its body resolves and rolls back when it rejects; the
 * body must use the queryable it is given, because the embedded database has a single connection and would wait for ever.
 */
export interface Database extends Queryable {
  readonly kind: 'embedded' | 'postgresql';
  transaction<Result>(body: (tx: Queryable) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
  /** Hears what was committed with `pg_notify`. After a broken connection it hears `''`: something may have been missed. */
  listen(channel: string, hear: (payload: string) => void): Promise<void>;
  /** Waits for what is under way. A second call does nothing. */
  close(): Promise<void>;
}

export function textOf(row: SqlRow | undefined, column: string): string {
  const value = row?.[column];
  if (typeof value !== 'string') throw new TypeError(`The query gave no text in its column ${column}.`);
  return value;
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined;
}

export function textOrNull(row: SqlRow | undefined, column: string): string | null {
  return isAbsent(row?.[column]) ? null : textOf(row, column);
}

export function integerOf(row: SqlRow | undefined, column: string): number {
  const value = row?.[column];
  if (typeof value !== 'number') throw new TypeError(`The query gave no integer in its column ${column}.`);
  return value;
}

/** PostgreSQL's five-character code of a failed statement, or null for any other error. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}

/** A name as SQL wants it, in any case and with any character. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
