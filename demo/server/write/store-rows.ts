import type { Json, JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';
import { columnValue } from '../../../sw/filter/values.ts';
import { type Queryable, quoteName } from '../database/database.ts';
import { storable } from '../schema/record-text.ts';
import type { ColumnDefinition, TableDefinition } from '../schema/table-definition.ts';
import { sqlType } from '../schema/table-ddl.ts';

export interface RowToStore {
  readonly owner: string;
  readonly version: bigint;
  readonly edited: bigint;
  readonly record: JsonRecord;
}

function storedValue(value: Json | undefined, { type }: ColumnDefinition): Json {
  if (value === undefined || value === null) return null;
  if (type === 'json' || type === 'file') return JSON.stringify(value);
  if (type === 'date') return columnValue(value, type);
  return typeof value === 'string' ? storable(value) : value;
}

/** One parameter for any number of rows: a JSON array is read by the database faster than an array for each column. */
function asParameter(table: TableDefinition, rows: readonly RowToStore[]): string {
  const columns = Object.entries(table.columns);
  return JSON.stringify(
    rows.map(({ owner, version, edited, record }) => {
      const row = columns.map(([name, column]): [string, Json] => [name, storedValue(record[name], column)]);
      const synchronization = { _owner: owner, _version: String(version), _edited: String(edited) };
      return { ...Object.fromEntries(row), ...synchronization, _text: JSON.stringify(record) };
    }),
  );
}

/** The rows of the parameter as a relation `r` with the columns of the table. */
function rowsOf(table: TableDefinition): string {
  const columns = Object.entries(table.columns).map(([name, column]) => `${quoteName(name)} ${sqlType(column)}`);
  const synchronization = ['_owner text', '_version bigint', '_edited bigint', '_text text'];
  return `json_to_recordset($1::json) as r(${[...columns, ...synchronization].join(', ')})`;
}

export async function insertRows(tx: Queryable, table: TableDefinition, rows: readonly RowToStore[]): Promise<void> {
  if (rows.length === 0) return;
  const names = [...Object.keys(table.columns), '_owner', '_version', '_edited', '_text'].map(quoteName).join(', ');
  await tx.query(
    `insert into ${quoteName(table.name)} (${names}, _xact) ` +
      `select ${names}, pg_current_xact_id() from ${rowsOf(table)}`,
    [asParameter(table, rows)],
  );
}

export async function updateRows(tx: Queryable, table: TableDefinition, rows: readonly RowToStore[]): Promise<void> {
  if (rows.length === 0) return;
  const names = [...Object.keys(table.columns), '_version', '_edited', '_text'].filter((name) => name !== table.key);
  // A row handed over is still found by its key; only personal rows are told apart by their owner.
  const owner = table.access.type === 'personal' ? ' and t._owner = r._owner' : '';
  await tx.query(
    `update ${quoteName(table.name)} as t set ` +
      [...names, '_owner'].map((name) => `${quoteName(name)} = r.${quoteName(name)}`).join(', ') +
      `, _xact = pg_current_xact_id() from ${rowsOf(table)} ` +
      `where t.${quoteName(table.key)} = r.${quoteName(table.key)}${owner}`,
    [asParameter(table, rows)],
  );
}

export interface Doomed {
  readonly key: RecordKey;
  readonly owner: string;
}

export async function deleteRows(tx: Queryable, table: TableDefinition, rows: readonly Doomed[]): Promise<void> {
  if (rows.length === 0) return;
  const type = table.columns[table.key]?.type === 'number' ? 'double precision' : 'text';
  await tx.query(
    `delete from ${quoteName(table.name)} as t using unnest($1::${type}[], $2::text[]) as r(key, owner) ` +
      `where t.${quoteName(table.key)} = r.key and t._owner = r.owner`,
    [rows.map(({ key }) => key), rows.map(({ owner }) => owner)],
  );
}

/** Notes that those who could read these records cannot any more. */
export async function writeTombstones(tx: Queryable, table: TableDefinition, rows: readonly Doomed[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    'insert into sync_tombstones (table_name, record_key, audience, _xact) ' +
      'select $1, r.key, r.audience, pg_current_xact_id() from unnest($2::text[], $3::text[]) as r(key, audience) ' +
      'order by r.key on conflict (table_name, record_key, audience) do update set _xact = excluded._xact, at = now()',
    [table.name, rows.map(({ key }) => String(key)), rows.map(({ owner }) => owner)],
  );
}
