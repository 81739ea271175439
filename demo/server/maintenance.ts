import { type Database, quoteName } from './database/database.ts';
import { sweepFiles } from './files/files.ts';
import type { Catalog } from './schema/table-definition.ts';

const intervalMs = 6 * 60 * 60 * 1_000;

/**
 * Forgets mutation ids and tombstones after 90 days. A cursor older than a forgotten tombstone is void from then on, in
 * the same transaction, so that no client misses a removal. The embedded database has no autovacuum; it is cleaned here.
 */
export async function maintain(database: Database, catalog: Catalog): Promise<void> {
  await database.query(`delete from sync_ledger where at < now() - interval '90 days'`);
  await database.transaction(async (tx) => {
    await tx.query(
      `with gone as (delete from sync_tombstones where at < now() - interval '90 days' returning _xact) ` +
        'update sync_meta set value = horizon.value from (select (max(_xact)::text::numeric + 1)::text as value from gone) as horizon ' +
        `where name = 'tombstone-horizon' and horizon.value is not null and horizon.value::numeric > sync_meta.value::numeric`,
    );
  });
  await sweepFiles(database, catalog);
  // Connections come and go: what they counted moves into slot 0, but for what a transaction is just counting.
  await database.query(
    'with idle as (select table_name, owner, slot from sync_counts where slot <> 0 for update skip locked), ' +
      'gone as (delete from sync_counts as c using idle where (c.table_name, c.owner, c.slot) = (idle.table_name, idle.owner, idle.slot) returning c.*) ' +
      'insert into sync_counts select table_name, owner, 0, sum(row_count) from gone group by table_name, owner ' +
      'on conflict (table_name, owner, slot) do update set row_count = sync_counts.row_count + excluded.row_count',
  );
  if (database.kind !== 'embedded') return;
  for (const { name } of catalog.tables) await database.query(`vacuum (analyze) ${quoteName(name)}`);
  for (const name of ['sync_ledger', 'sync_tombstones', 'sync_counts', 'sync_files', 'sync_file_chunks'])
    await database.query(`vacuum (analyze) ${name}`);
}

/** Runs the work now and every six hours. What it gives back ends that, and settles when no work is under way. */
export function startMaintenance(work: () => Promise<void>, log: (message: string) => void): () => Promise<void> {
  let running = Promise.resolve();
  const run = (): void => {
    running = running.then(work).catch((error: unknown) => {
      log(`The database could not be cleaned: ${String(error)}`);
    });
  };
  run();
  const timer = setInterval(run, intervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
