import { SyncError } from '../protocol/errors.ts';
import { isRecordKey, type RecordKey } from '../protocol/record.ts';
import { keyOf, type Schema, type Table } from '../store/schema.ts';
import type { FilterParameters } from '../filter/index.ts';

/** The declared table of a name that came over a port. */
export function tableOf(schema: Schema, name: unknown): Table {
  const table = typeof name === 'string' ? schema.tables.get(name) : undefined;
  if (table !== undefined) return table;
  const declared = [...schema.tables.keys()].join(', ');
  throw new SyncError('unknown-table', `There is no table ${JSON.stringify(name)}. Declared are: ${declared}.`);
}

/** A key of the table's type. */
export function recordKeyOf(table: Table, value: unknown): RecordKey {
  const key = isRecordKey(value) ? keyOf(table, value) : null;
  if (key === null) throw new SyncError('invalid-key', `A key of ${table.name} is a ${table.keyType}.`);
  return key;
}

/** The values of a filter's parameters. */
export function parametersOf(params: Readonly<Record<string, unknown>> | undefined): FilterParameters {
  const entries = Object.entries(params ?? {}).map(([name, value]) => {
    const isUsable = value === null || ['string', 'number', 'boolean'].includes(typeof value) || value instanceof Date;
    if (!isUsable)
      throw new SyncError('invalid-request', `The parameter :${name} is not a string, number, boolean, date or null.`);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- checked in the line above
    return [name, value as string | number | boolean | null | Date] as const;
  });
  return Object.fromEntries(entries);
}
