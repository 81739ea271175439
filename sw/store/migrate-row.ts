import type { ChangeRow } from './format.ts';
import { isAddressable, keyOf, type Schema } from './schema.ts';
import { isJsonObject, type JsonObject, type JsonRecord, type RecordKey } from '../protocol/record.ts';

/** A stored copy of a record, made by an older version of the app. */
export interface StoredCopy {
  readonly table: string;
  readonly key: RecordKey;
  readonly operation: 'create' | 'update' | 'delete';
  readonly record: JsonRecord;
  /** The user's own content, the server's copy that it was made on, or the server's copy that it is in conflict with. */
  readonly copy: 'change' | 'base' | 'server';
}

/** Makes a copy fit the current schema. Null, or an error: it does not fit. */
export type Migrate = (
  change: StoredCopy,
  from: number,
) => StoredCopy | null | undefined | Promise<StoredCopy | null | undefined>;

interface Fitting {
  readonly table: string;
  readonly key: RecordKey;
  readonly record: JsonObject;
}

/** The copy as the app's function gives it, if it is a record of a declared table with its own key. */
async function fit(copy: StoredCopy, schema: Schema, from: number, migrate: Migrate | null): Promise<Fitting | null> {
  let answer: StoredCopy | null | undefined;
  try {
    answer = migrate === null ? copy : await migrate(copy, from);
  } catch {
    // The app's function does not know it: kept as it is, for a person to look at.
    return null;
  }
  const table = schema.tables.get(answer?.table ?? '');
  if (answer === null || answer === undefined || table === undefined || !isJsonObject(answer.record)) return null;
  const { key } = answer;
  if (typeof key !== table.keyType || !isAddressable(key) || !Object.hasOwn(answer.record, table.key)) return null;
  if (keyOf(table, answer.record[table.key]) !== key) return null;
  return { table: table.name, key, record: answer.record };
}

/**
 * A change or draft of an older schema version in the current one: its content, what it was made on, and the server's copy of a
 * conflict each go through the app's function, so that they stay comparable. Its mutation id stays. Null: it does not fit.
 */
export async function migrateRow(row: ChangeRow, schema: Schema, migrate: Migrate | null): Promise<ChangeRow | null> {
  const { operation } = row;
  const copyOf = (text: string, copy: StoredCopy['copy']): Promise<Fitting | null> => {
    const record: unknown = JSON.parse(text);
    if (!isJsonObject(record)) return Promise.resolve(null);
    return fit({ table: row.table, key: row.key, operation, record, copy }, schema, row.schema, migrate);
  };
  const content = row.text === null ? undefined : await copyOf(row.text, 'change');
  const base = row.base === null ? undefined : await copyOf(row.base.text, 'base');
  const serverText = row.server?.text ?? null;
  const server = serverText === null ? undefined : await copyOf(serverText, 'server');
  if (content === null || base === null || server === null) return null;
  const named = content ?? base;
  const declared = named ?? row;
  const table = schema.tables.get(declared.table);
  // What is only downloaded is never sent.
  if (table === undefined || table.direction === 'down') return null;
  const next: ChangeRow = {
    ...row,
    table: declared.table,
    key: declared.key,
    schema: schema.version,
    text: content === undefined ? null : JSON.stringify(content.record),
    base: row.base === null || base === undefined ? null : { ...row.base, text: JSON.stringify(base.record) },
  };
  const stuck = row.stuck === undefined ? {} : { stuck: [declared.table, row.stuck[1]] as const };
  if (row.server === undefined || server === undefined) return { ...next, ...stuck };
  return { ...next, ...stuck, server: { ...row.server, text: JSON.stringify(server.record) } };
}
