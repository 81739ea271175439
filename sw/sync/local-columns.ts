import { untilUnmoved } from '../store/base.ts';
import type { ParsedRecord } from '../store/leaf-builder.ts';
import type { Table } from '../store/schema.ts';
import type { JsonRecord } from '../protocol/record.ts';
import type { Session } from './session.ts';
import { parseStored, withFieldsOf } from '../store/rebase.ts';

/** The names of a table's columns that are kept here and never sent. */
export function localColumns(table: Table): readonly string[] {
  return [...table.columns.values()].filter((column) => column.local).map((column) => column.name);
}

/** Downloaded records with the local columns that their copies here have. */
export async function keepLocalColumns(
  session: Session,
  table: Table,
  records: readonly ParsedRecord[],
): Promise<readonly ParsedRecord[]> {
  if (localColumns(table).length === 0) return records;
  const { database, base } = session;
  return untilUnmoved(() =>
    database.read(['heads', 'roots', 'segments', 'leaves'], async (tx) => {
      const head = await base.readHead(tx, table.name);
      return Promise.all(
        records.map(async (record) => {
          const held = await base.readRecord(tx, head, record.key);
          return held === null
            ? record
            : { ...record, text: withLocalColumns(table, parseStored(record.text), held.text) };
        }),
      );
    }),
  );
}

/** The server never has local columns: they are kept from what is here (C-03). */
export function withLocalColumns(table: Table, server: JsonRecord, local: string | null): string {
  const names = localColumns(table);
  if (names.length === 0 || local === null) return JSON.stringify(server);
  return JSON.stringify(withFieldsOf(server, parseStored(local), names));
}
