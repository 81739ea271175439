import type { Table } from '../store/schema.ts';
import type { JsonRecord } from '../protocol/record.ts';
import { parseStored, withFieldsOf } from './rebase.ts';

/** The names of a table's columns that are kept here and never sent. */
export function localColumns(table: Table): readonly string[] {
  return [...table.columns.values()].filter((column) => column.local).map((column) => column.name);
}

/** The server never has local columns: they are kept from what is here (C-03). */
export function withLocalColumns(table: Table, server: JsonRecord, local: string | null): string {
  const names = localColumns(table);
  if (names.length === 0 || local === null) return JSON.stringify(server);
  return JSON.stringify(withFieldsOf(server, parseStored(local), names));
}
