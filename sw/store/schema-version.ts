import { rowsOf } from './changes.ts';
import type { Database, WriteTransaction } from './database.ts';
import type { ChangeRow } from './format.ts';
import { writeMarks } from './marks.ts';
import type { MetaValues } from './meta-values.ts';
import { migrateRow } from './migrate-row.ts';
import { getMeta, setMeta } from './meta.ts';
import { deleteBounds } from './roots.ts';
import type { Schema, Table } from './schema.ts';
import { VersionError } from '../protocol/errors.ts';
import type { RecordKey } from '../protocol/record.ts';
import { storeMigrated, upgradeScope, type SchemaUpgrade, type StoredRecordRows } from './store-migrated.ts';

const rowsInSlice = 500;

function keyShape(table: Table): string {
  return JSON.stringify([table.key, table.keyType]);
}

function columnShape(table: Table): string {
  return JSON.stringify([...table.columns.values()].map(({ name, type, index }) => [name, type, index]).sort());
}

/**
 * The base of a table whose shape changed: under another key it cannot be found any more, so it goes, and the network answers until
 * the next download (invariant 13); with other columns it stays readable until the download replaces it, without its vectors.
 */
async function resetBase(tx: WriteTransaction, table: string, keyChanged: boolean): Promise<void> {
  const [head] = await Promise.all([
    tx.objectStore('heads').get(table),
    tx.objectStore('runs').delete(`staged:${table}`),
  ]);
  if (head === undefined) return;
  const next = { ...head, generation: head.generation + 1, cursor: null, cursorFor: '', expectedCount: null };
  const range = IDBKeyRange.bound([table], [table, []]);
  await tx.objectStore('vectors').delete(range);
  if (keyChanged) {
    await tx.objectStore('heads').put({ ...next, root: null, segments: [], complete: false, downloadedAt: 0 });
    return;
  }
  await tx.objectStore('heads').put(next);
  if (head.root !== null) await deleteBounds(tx, [table, head.root]);
}

/** Null: it is to be noted. Otherwise whether rows of an older one may be left. */
function rowsLeftIfNoted(stored: MetaValues['schema'] | undefined, schema: Schema): boolean | null {
  if (stored?.version !== schema.version) return null;
  const isNoted = [...schema.tables.values()].every((table) => {
    const shape = stored.shapes[table.name];
    return shape?.key === keyShape(table) && shape.columns === columnShape(table);
  });
  return isNoted && Object.keys(stored.shapes).length === schema.tables.size ? stored.rowsLeft : null;
}

/** Notes the schema, and resets what it does not fit. Whether rows of an older one may be left. */
async function noteSchema({ database, schema, noted }: SchemaUpgrade): Promise<boolean> {
  const rowsLeftBefore = rowsLeftIfNoted(noted, schema);
  if (rowsLeftBefore !== null) return rowsLeftBefore;
  return database.write(['meta', 'heads', 'roots', 'vectors', 'runs', 'marks'], async (tx) => {
    const stored = await getMeta(tx, 'schema');
    if (stored !== undefined && stored.version > schema.version) {
      throw new VersionError(
        `The local database was written by version ${stored.version} of the app, and this is version ${schema.version}. Nothing was changed; reload the page to get the newer one.`,
      );
    }
    const shapes: Record<string, { readonly key: string; readonly columns: string }> = {};
    for (const table of schema.tables.values()) {
      const shape = { key: keyShape(table), columns: columnShape(table) };
      const old = stored?.shapes[table.name];
      shapes[table.name] = shape;
      if (old === undefined || (old.key === shape.key && old.columns === shape.columns)) continue;
      await resetBase(tx, table.name, old.key !== shape.key);
    }
    // If it comes back, nothing of it is believed. Its holds go with the changes that they keep back.
    for (const head of await tx.objectStore('heads').getAll()) {
      if (schema.tables.has(head.table)) continue;
      await writeMarks(tx, head, { send: [] });
      await resetBase(tx, head.table, true);
    }
    const rowsLeft = stored !== undefined && (stored.version < schema.version || stored.rowsLeft);
    await setMeta(tx, 'schema', { version: schema.version, shapes, rowsLeft });
    return rowsLeft;
  });
}

function isOlder(row: ChangeRow, schema: Schema): boolean {
  return row.schema < schema.version;
}

async function migrated(upgrade: SchemaUpgrade, rows: readonly ChangeRow[]): Promise<StoredRecordRows> {
  const { migrate, schema } = upgrade;
  const next: ChangeRow[] = [];
  for (const row of rows) {
    const fitting = isOlder(row, schema) ? await migrateRow(row, schema, migrate) : row;
    if (fitting === null) return { rows, next: null };
    next.push(fitting);
  }
  return { rows, next };
}

function byRecord(rows: readonly ChangeRow[]): ChangeRow[][] {
  const records: ChangeRow[][] = [];
  for (const row of rows) {
    const last = records.at(-1);
    if (last?.[0]?.table === row.table && last[0].key === row.key) last.push(row);
    else records.push([row]);
  }
  return records;
}

/** Of a slice that is full: its last record may go on behind it. A draft is one row. */
async function wholeRecords(
  database: Database,
  store: 'changes' | 'drafts',
  records: ChangeRow[][],
): Promise<ChangeRow[][]> {
  if (records.length > 1) return records.slice(0, -1);
  const [row] = records[0] ?? [];
  if (store === 'drafts' || row === undefined) return records;
  return [await database.read(['changes'], (tx) => rowsOf(tx, row.table, row.key))];
}

/** Goes through a store in slices; killed anywhere, the rows that are done say so themselves. Whether all could be done. */
async function upgradeStore(upgrade: SchemaUpgrade, store: 'changes' | 'drafts'): Promise<boolean> {
  const { database, schema } = upgrade;
  let isDone = true;
  let after: readonly [string, RecordKey, unknown[]] | null = null;
  for (;;) {
    const range: IDBKeyRange | null = after === null ? null : IDBKeyRange.lowerBound(after, true);
    const rows: ChangeRow[] = await database.read([store], (tx) => tx.objectStore(store).getAll(range, rowsInSlice));
    const isLast = rows.length < rowsInSlice;
    const whole = isLast ? byRecord(rows) : await wholeRecords(database, store, byRecord(rows));
    // One that went while it was read is passed over.
    const last = whole.at(-1)?.[0] ?? rows.at(-1);
    const outcomes: StoredRecordRows[] = [];
    for (const record of whole)
      if (record.some((row) => isOlder(row, schema))) outcomes.push(await migrated(upgrade, record));
    if (outcomes.length > 0) {
      const stored = await database.write(upgradeScope, (tx) => storeMigrated(tx, upgrade, store, outcomes));
      for (const record of stored) upgrade.onStored?.(record);
      isDone &&= stored.length === outcomes.length;
    }
    if (isLast || last === undefined) return isDone;
    after = [last.table, last.key, []];
  }
}

/**
 * Brings a database to the app's schema version, before anything else uses it (F-04, invariant 8): changes and drafts are migrated
 * or, where they do not fit, become failures `schema` with their old content; a base of another shape is downloaded again.
 * Safe to repeat after a stop at any line. Resolves to whether rows are left, which wait for what is in flight.
 *
 * @throws VersionError if a newer version wrote it; nothing is changed then.
 */
export async function upgradeSchema(upgrade: SchemaUpgrade): Promise<boolean> {
  if (!(await noteSchema(upgrade))) return false;
  // A second time for members of a group that were parked while they were read.
  const changesDone = (await upgradeStore(upgrade, 'changes')) || (await upgradeStore(upgrade, 'changes'));
  const draftsDone = await upgradeStore(upgrade, 'drafts');
  if (!changesDone || !draftsDone) return true;
  await upgrade.database.write(['meta'], async (tx) => {
    const stored = await getMeta(tx, 'schema');
    if (stored !== undefined) await setMeta(tx, 'schema', { ...stored, rowsLeft: false });
  });
  return false;
}
