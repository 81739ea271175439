import { isJsonObject, type Json, type JsonObject } from '../protocol/record.ts';
import { isFileReference, type FileReference } from '../protocol/file.ts';
import type { Table } from './schema.ts';

/** The reference to the file in a record's JSON; null: it has none. */
export function fileIn(table: Table, text: string | null): FileReference | null {
  if (table.file === null || text === null) return null;
  // A text without a hash's name has no reference; parsing thousands of records to see that takes longer.
  if (!text.includes('"hash"')) return null;
  const record: unknown = JSON.parse(text);
  return isJsonObject(record) ? fileOf(table, record) : null;
}

export function fileOf(table: Table, record: JsonObject): FileReference | null {
  if (table.file === null || !Object.hasOwn(record, table.file.field)) return null;
  const value: Json | undefined = record[table.file.field];
  return isFileReference(value) ? value : null;
}
