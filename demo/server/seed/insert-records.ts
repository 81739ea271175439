import type { JsonRecord } from '../../../sw/protocol/record.ts';
import { type Queryable, textOf } from '../database/database.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import { insertRows } from '../write/store-rows.ts';

/** Stores new records without asking the rules: for the server's own data. */
export async function insertRecords(
  tx: Queryable,
  table: TableDefinition,
  { owner, records }: { owner: string; records: readonly JsonRecord[] },
): Promise<void> {
  if (records.length === 0) return;
  const [row] = await tx.query(
    `select string_agg(nextval('sync_version')::text, ',') as versions from generate_series(1, $1::int)`,
    [records.length],
  );
  const versions = textOf(row, 'versions').split(',').map(BigInt);
  const rows = records.map((record, index) => {
    const version = versions[index] ?? 0n;
    return { owner, version, edited: version, record };
  });
  await insertRows(tx, table, rows);
}
