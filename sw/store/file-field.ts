import { SyncError } from '../protocol/errors.ts';
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

function fileOf(table: Table, record: JsonObject): FileReference | null {
  if (table.file === null || !Object.hasOwn(record, table.file.field)) return null;
  const value: Json | undefined = record[table.file.field];
  return isFileReference(value) ? value : null;
}

/** Refuses what is no reference: the content would never be found by it. */
export function checkFileField(table: Table, record: JsonObject): void {
  if (table.file === null || !Object.hasOwn(record, table.file.field)) return;
  const value = record[table.file.field];
  if (value === null || isFileReference(value)) return;
  const { field } = table.file;
  throw new SyncError(
    'invalid-body',
    `The field ${field} of ${table.name} refers to the record's file; send the file itself to ${table.path}/<key>/${field}. Nothing was stored.`,
  );
}

/** A record that replaces another keeps its file, unless it says itself what becomes of it. */
export function withFileOf(table: Table, record: JsonObject, view: string | null): JsonObject {
  if (table.file === null || Object.hasOwn(record, table.file.field)) return record;
  const kept = fileIn(table, view);
  return kept === null ? record : { ...record, [table.file.field]: { ...kept } };
}

/** The record's JSON with another reference. */
export function withReference(table: Table, text: string | null, reference: FileReference): string {
  const record: unknown = JSON.parse(text ?? '{}');
  const fields = isJsonObject(record) ? record : {};
  return JSON.stringify(table.file === null ? fields : { ...fields, [table.file.field]: { ...reference } });
}
