import type { Json, JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';
import { isFileReference } from '../../../sw/protocol/file.ts';
import { columnValue } from '../../../sw/filter/values.ts';
import { isUnstorable } from '../schema/record-text.ts';
import { type ColumnDefinition, columnOf, isKeyOf, type TableDefinition } from '../schema/table-definition.ts';

export type FieldErrors = Readonly<Record<string, string>>;

/** Longer ones do not fit an index entry of PostgreSQL. */
const maxKeyBytes = 2_000;

function faultOf(value: Json | undefined, column: ColumnDefinition, indexed: boolean): string | null {
  if (value === undefined || value === null) return column.required === true ? 'is required' : null;
  switch (column.type) {
    case 'json':
      return null;
    case 'file':
      return isFileReference(value) ? null : 'must be a reference to a content: hash, size, type';
    case 'boolean':
      return typeof value === 'boolean' ? null : 'must be true or false';
    case 'number':
      if (typeof value !== 'number') return 'must be a number';
      if (column.integer === true && !Number.isSafeInteger(value)) return 'must be a whole number';
      if (column.minimum !== undefined && value < column.minimum) return `must be ${column.minimum} or more`;
      if (column.maximum !== undefined && value > column.maximum) return `must be ${column.maximum} or less`;
      return null;
    case 'date':
    case 'string':
      if (typeof value !== 'string') return 'must be a text';
      if (column.required === true && value.trim() === '') return 'is required';
      if (indexed && isUnstorable(value)) return 'holds a character that cannot be stored';
      if (indexed && Buffer.byteLength(value) > maxKeyBytes) return `must not be longer than ${maxKeyBytes} bytes`;
      if (column.type === 'date' && typeof columnValue(value, 'date') !== 'number') {
        return 'must be a date such as 2026-05-31';
      }
      return null;
  }
}

/** A message for each field that keeps a record out of its table, or null. */
export function faultsOf(table: TableDefinition, record: JsonRecord): FieldErrors | null {
  const errors: [string, string][] = [];
  for (const [name, column] of Object.entries(table.columns)) {
    const isKey = name === table.key;
    const indexed = isKey || column.unique === true || column.references !== undefined;
    const fault = faultOf(record[name], isKey ? { ...column, required: true } : column, indexed);
    if (fault !== null) errors.push([name, fault]);
  }
  return errors.length === 0 ? null : Object.fromEntries(errors);
}

export interface Assembly {
  readonly table: TableDefinition;
  readonly key: RecordKey;
  readonly sent: JsonRecord;
  /** Those of `sent` that count; the others stay as they are in `current`. */
  readonly fields: readonly string[];
  readonly current: JsonRecord | null;
}

export type Assembled =
  { readonly type: 'record'; readonly record: JsonRecord } | { readonly type: 'faulty'; readonly errors: FieldErrors };

/**
 * The record as it would be after a write: its fields in the order of the columns, computed ones as the server has them.
 * A field that the table does not have is a fault: to take the record without it would lose it in silence.
 */
export function assemble({ table, key, sent, fields, current }: Assembly): Assembled {
  const errors: [string, string][] = fields
    .filter((field) => columnOf(table, field) === undefined)
    .map((field) => [field, `is not a field of ${table.name}`]);
  const sentKey = Object.hasOwn(sent, table.key) ? sent[table.key] : key;
  if (!isKeyOf(table, key) || sentKey !== key) errors.push([table.key, 'does not fit the key of the request']);
  if (errors.length > 0) return { type: 'faulty', errors: Object.fromEntries(errors) };

  const counting = new Set(fields);
  const record: [string, Json][] = [];
  for (const [name, column] of Object.entries(table.columns)) {
    const kept = current !== null && Object.hasOwn(current, name) ? current[name] : undefined;
    let value: Json | undefined = kept;
    if (name === table.key) value = key;
    else if (column.computed !== undefined) value = kept ?? column.computed;
    else if (counting.has(name)) value = Object.hasOwn(sent, name) ? sent[name] : undefined;
    if (value !== undefined) record.push([name, value]);
  }
  return { type: 'record', record: Object.fromEntries(record) };
}
