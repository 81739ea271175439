import { quoteName } from '../database/database.ts';
import type { Catalog, ColumnDefinition, TableDefinition } from './table-definition.ts';

/** Keys and references sort by their bytes, in every database alike, whatever its locale. */
export function sqlType(column: ColumnDefinition): string {
  switch (column.type) {
    case 'number':
    case 'date':
      return 'double precision';
    case 'boolean':
      return 'boolean';
    case 'string':
    case 'json':
    case 'file':
      return 'text collate "C"';
  }
}

/** Where the keys of a table with `serverKeys` come from. A number that was taken is never given again. */
export function sequenceOf(table: TableDefinition): string {
  return `${table.name}_${table.key}_seq`;
}

/**
 * The SQL that makes a table. Beside its columns each row has
 *
 * - `_text`: the record's JSON. It is what is read; the columns are for filters, references and uniqueness, and hold a date
 *   as its milliseconds since 1970.
 * - `_owner`: the user who may read it, empty in shared tables.
 * - `_version`: grows with every change of the record. `_edited`: the version of its last change that a user made, so
 *   that a computed column alone makes no conflict.
 * - `_xact`: the transaction that last changed it; cursors compare this (see cursor.ts).
 */
export function tableDdl(table: TableDefinition, catalog: Catalog): string {
  const name = quoteName(table.name);
  const key = quoteName(table.key);
  const personal = table.access.type === 'personal';
  const columns = Object.entries(table.columns);
  const lines = [
    ...columns.map(([column, definition]) => `${quoteName(column)} ${sqlType(definition)}`),
    '_owner text collate "C" not null',
    '_version bigint not null',
    '_edited bigint not null',
    '_xact xid8 not null',
    '_text text not null',
    `primary key (${personal ? `_owner, ${key}` : key})`,
    ...columns.flatMap(([column, { unique, references }]) => [
      // Checked at the end of a transaction: an upload may free a value and take it again in any order.
      ...(unique === true ? [`unique (${quoteName(column)}) deferrable initially deferred`] : []),
      ...(references === undefined
        ? []
        : [
            `foreign key (${quoteName(column)}) references ${quoteName(references.table)} ` +
              `(${quoteName(catalog.get(references.table).key)})`,
          ]),
    ]),
  ];
  const indexed = [
    table.access.type === 'shared' ? '_xact' : '_owner, _xact',
    ...columns.flatMap(([column, { references }]) => (references === undefined ? [] : [quoteName(column)])),
  ];
  const sequence = quoteName(sequenceOf(table));
  const identity =
    table.serverKeys === true
      ? [
          `create sequence if not exists ${sequence} owned by ${name}.${key};`,
          `alter table ${name} alter column ${key} set default nextval('${sequence}');`,
        ]
      : [];
  return [
    `create table if not exists ${name} (${lines.join(', ')});`,
    ...identity,
    ...indexed.map((column) => {
      const index = quoteName(`${table.name}_by_${column.replaceAll('"', '').replaceAll(', ', '_')}`);
      return `create index if not exists ${index} on ${name} (${column});`;
    }),
    ...countTriggers(table),
  ].join('\n');
}

/** Counting a large table anew for each download would cost more than the download of what changed. */
function countTriggers(table: TableDefinition): string[] {
  const events = [
    ['insert', 'new table as new_rows'],
    ['update', 'old table as old_rows new table as new_rows'],
    ['delete', 'old table as old_rows'],
  ];
  return events.map(
    ([event, transition]) =>
      `create or replace trigger ${quoteName(`${table.name}_${event ?? ''}_counted`)} ` +
      `after ${event ?? ''} on ${quoteName(table.name)} referencing ${transition ?? ''} ` +
      'for each statement execute function sync_count_rows();',
  );
}

/**
 * Keeps `sync_counts` in the very transaction that adds or removes rows, so that every snapshot has the count it shows.
 * Each connection counts in a slot of its own, so that none waits for another's transaction; a count is the sum.
 */
export const countFunction = `
create function sync_count_rows() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into sync_counts select tg_table_name, _owner, pg_backend_pid(), count(*) from new_rows group by _owner
    on conflict (table_name, owner, slot) do update set row_count = sync_counts.row_count + excluded.row_count;
  elsif tg_op = 'DELETE' then
    insert into sync_counts select tg_table_name, _owner, pg_backend_pid(), -count(*) from old_rows group by _owner
    on conflict (table_name, owner, slot) do update set row_count = sync_counts.row_count + excluded.row_count;
  else
    insert into sync_counts select tg_table_name, _owner, pg_backend_pid(), sum(n) from
      (select _owner, 1 as n from new_rows union all select _owner, -1 from old_rows) as r
      group by _owner having sum(n) <> 0 order by _owner
    on conflict (table_name, owner, slot) do update set row_count = sync_counts.row_count + excluded.row_count;
  end if;
  return null;
end $$`;
