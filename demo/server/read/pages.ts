import { isRecordKey, type RecordKey } from '../../../sw/protocol/record.ts';
import { integerOf, type Queryable, quoteName, textOf } from '../database/database.ts';
import { parseKey, type TableDefinition } from '../schema/table-definition.ts';
import { audienceOf, both, type Condition, keyColumn, keyType, readableBy, statement } from './condition.ts';

export const pageSize = 4_000;

/** Up to `pageSize` records in the order of their keys, as text that is sent as it is. */
export interface Page {
  readonly count: number;
  /** The records' JSON, separated by what was asked for. */
  readonly body: string;
  /** A JSON array of texts. */
  readonly versions: string;
  readonly last: RecordKey;
}

export interface PageOptions {
  readonly table: TableDefinition;
  readonly condition: Condition;
  readonly after: RecordKey | null;
  readonly separator?: string;
  readonly limit?: number;
  /** Which come first when there are more than `limit`. By `_xact`, the index on it finds few among many. */
  readonly first?: 'by-key' | 'by-change';
}

/** Null when there are no more. The database joins the texts: one row of a megabyte reads faster than 4,000 small ones. */
export async function readPage(tx: Queryable, options: PageOptions): Promise<Page | null> {
  const { table, condition, after, separator = '\n', limit = pageSize, first = 'by-key' } = options;
  const key = keyColumn(table);
  const { sql, parameters } = statement((bind) => {
    const beyond = after === null ? '' : ` and ${key} > ${bind(after)}::${keyType(table)}`;
    return (
      `select count(*)::int as count, (array_agg(k order by k))[count(*)] as last, ` +
      `string_agg(_text, ${bind(separator)}::text order by k) as body, ` +
      `string_agg(_version::text, '","' order by k) as versions from ` +
      `(select ${key} as k, _text, _version from ${quoteName(table.name)} ` +
      `where (${condition(bind)})${beyond} order by ${first === 'by-key' ? key : '_xact'} limit ${bind(limit)}::int) as page`
    );
  });
  const [row] = await tx.query(sql, parameters);
  const count = integerOf(row, 'count');
  if (count === 0) return null;
  const last = row?.['last'];
  if (!isRecordKey(last)) throw new TypeError(`A row of ${table.name} has no key.`);
  return { count, body: textOf(row, 'body'), versions: `["${textOf(row, 'versions')}"]`, last };
}

export interface Reading {
  readonly table: TableDefinition;
  readonly user: string;
  /** Which of the readable records are in scope. */
  readonly scope: Condition;
  /** The scope takes in all that is readable. */
  readonly whole: boolean;
}

export function inScope({ table, user, scope }: Reading): Condition {
  return both(readableBy(table, user), (bind) => `(${scope(bind)}) is true`);
}

export function changedSince(position: bigint): Condition {
  return (bind) => `_xact >= ${bind(String(position))}::xid8`;
}

export async function countInScope(tx: Queryable, reading: Reading): Promise<number> {
  const { table, user, whole } = reading;
  if (whole) {
    const [counted] = await tx.query(
      'select coalesce(sum(row_count), 0)::int as count from sync_counts where table_name = $1 and owner = $2',
      [table.name, audienceOf(table, user)],
    );
    return integerOf(counted, 'count');
  }
  const { sql, parameters } = statement(
    (bind) => `select count(*)::int as count from ${quoteName(table.name)} where ${inScope(reading)(bind)}`,
  );
  const [row] = await tx.query(sql, parameters);
  return integerOf(row, 'count');
}

/**
 * The keys that left since: deleted, not readable any more, or not in scope any more. Never those of other users.
 * Within a transaction only.
 */
export async function readRemovals(tx: Queryable, reading: Reading, position: bigint): Promise<RecordKey[]> {
  const { table, user, scope, whole } = reading;
  const key = keyColumn(table);
  const name = quoteName(table.name);
  const { sql, parameters } = statement(
    (bind) =>
      `select d.record_key as key from sync_tombstones as d where d.table_name = ${bind(table.name)} ` +
      `and d.audience = ${bind(audienceOf(table, user))} and d._xact >= ${bind(String(position))}::xid8 ` +
      `and not exists (select 1 from ${name} where ${key} = d.record_key::${keyType(table)} and ${inScope(reading)(bind)})` +
      (whole
        ? ''
        : ` union select ${key}::text from ${name} where ${changedSince(position)(bind)} ` +
          `and ${readableBy(table, user)(bind)} and (${scope(bind)}) is not true`),
  );
  // Without fresh statistics the planner would read the whole table for the few rows that changed.
  await tx.query('set local enable_seqscan = off');
  const rows = await tx.query(sql, parameters);
  await tx.query('set local enable_seqscan = on');
  return rows.flatMap((row) => parseKey(table, textOf(row, 'key')) ?? []);
}
