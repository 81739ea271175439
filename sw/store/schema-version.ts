import type { Base } from './base.ts';
import { rowsOf, seqsInFlight } from './changes.ts';
import type { Database, WriteTransaction } from './database.ts';
import type { ChangeRow, FailureRow, StoreName } from './format.ts';
import type { MetaValues } from './meta-values.ts';
import { isMarked, packMarks, readMarks, releaseHolds, removeMark, writeMarks } from './marks.ts';
import type { RecordRef } from './blocked.ts';
import { parkGroup } from './park-group.ts';
import { migrateRow, type Migrate } from './migrate-row.ts';
import { getMeta, setMeta } from './meta.ts';
import { deleteBounds } from './roots.ts';
import type { Schema, Table } from './schema.ts';
import { VersionError } from '../protocol/errors.ts';
import { compareKeys, type Json, type RecordKey } from '../protocol/record.ts';

const rowsInSlice = 500;

export interface SchemaUpgrade {
  readonly database: Database;
  readonly base: Base;
  readonly schema: Schema;
  readonly migrate: Migrate | null;
  readonly user: string;
  readonly now: () => number;
  readonly newId: () => string;
  /** The schema that the database says to be of; looked at again before anything is changed. */
  readonly noted: MetaValues['schema'] | undefined;
  /** Told of each record whose rows were stored as they are to be, or, `next` null, parked. */
  readonly onStored?: (record: StoredRecordRows) => void;
}

export interface StoredRecordRows {
  readonly rows: readonly ChangeRow[];
  /** What becomes of them; null: they do not fit. */
  readonly next: readonly ChangeRow[] | null;
}

function keyShape(table: Table): string {
  return JSON.stringify([table.key, table.keyType]);
}

function columnShape(table: Table): string {
  return JSON.stringify([...table.columns.values()].map(({ name, type, index }) => [name, type, index]).sort());
}

function parsed(text: string | null | undefined): Json {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- what is stored was JSON when it came in
  return text === null || text === undefined ? null : JSON.parse(text);
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
  return database.write(['meta', 'heads', 'roots', 'vectors', 'runs'], async (tx) => {
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

function failureOf(upgrade: SchemaUpgrade, rows: readonly ChangeRow[], device: string): FailureRow | null {
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return null;
  const { table, key } = last;
  return {
    id: upgrade.newId(),
    table,
    key,
    operation: first.operation === 'create' ? 'create' : last.operation,
    content: parsed(last.text),
    base: parsed(first.base?.text),
    code: 'schema',
    message: `It was made with version ${last.schema} of the app and does not fit version ${upgrade.schema.version}. Its content is kept here.`,
    user: upgrade.user,
    device,
    run: '',
    at: upgrade.now(),
    retriable: false,
    seq: null,
    reported: 0,
  };
}

const upgradeScope: StoreName[] = ['changes', 'commands', 'drafts', 'members', 'failures', 'meta', 'heads', 'marks'];

/** Stores what became of one record's rows, if they are still those that were read. What is in flight keeps its place, or waits. */
async function storeRecord(
  tx: WriteTransaction,
  upgrade: SchemaUpgrade,
  store: 'changes' | 'drafts',
  { rows, next }: StoredRecordRows,
): Promise<boolean> {
  const [first] = rows;
  if (first === undefined) return true;
  const { table, key } = first;
  const stored =
    store === 'changes' ? await rowsOf(tx, table, key) : [await tx.objectStore('drafts').get([table, key])];
  if (JSON.stringify(stored) !== JSON.stringify(rows)) return false;
  const inFlight = store === 'changes' ? await seqsInFlight(tx) : new Set<number>();
  const moved = next === null || next.some((row) => row.table !== table || compareKeys(row.key, key) !== 0);
  // Its outcome names the record as it was sent.
  if (moved && rows.some((row) => inFlight.has(row.seq))) return false;
  const remove = (row: ChangeRow): Promise<void> =>
    store === 'changes'
      ? tx.objectStore('changes').delete([row.table, row.key, row.seq])
      : tx.objectStore('drafts').delete([row.table, row.key]);
  if (moved) await Promise.all(rows.map(remove));
  if (next !== null) {
    await Promise.all(next.map((row) => tx.objectStore(store).put(row)));
    if (moved && store === 'changes') await moveStatus(tx, upgrade, { table, key }, next);
    return true;
  }
  const device = (await getMeta(tx, 'device')) ?? '';
  const failure = failureOf(upgrade, rows, device);
  if (failure !== null) await tx.objectStore('failures').put(failure);
  const { user, newId } = upgrade;
  for (const { group } of rows)
    if (group !== undefined) await parkGroup(tx, group, { user, device, at: upgrade.now(), newId });
  // Failures of the rows that went hold what the server said; they cannot be retried any more.
  for (const { reason } of rows) {
    const old = reason?.failure === undefined ? undefined : await tx.objectStore('failures').get(reason.failure);
    if (old !== undefined) await tx.objectStore('failures').put({ ...old, retriable: false, seq: null });
  }
  // A draft's record may have a change, and that may be held.
  if (store === 'changes' && upgrade.schema.tables.has(table)) await releaseHolds(tx, upgrade.base, [{ table, key }]);
  return true;
}

/** A hold, and the failures that name the changes, go where these go. */
async function moveStatus(
  tx: WriteTransaction,
  { base }: SchemaUpgrade,
  from: RecordRef,
  next: readonly ChangeRow[],
): Promise<void> {
  const [first] = next;
  if (first === undefined) return;
  const old = await base.readHead(tx, from.table);
  if (await isMarked(tx, old, 'hold', from.key)) {
    await removeMark(tx, old, 'hold', from.key);
    const head = await base.readHead(tx, first.table);
    const all = new Set([...(await readMarks(tx, base, head, 'hold')), first.key]);
    await writeMarks(tx, head, { hold: packMarks('hold', [...all].sort(compareKeys)) });
  }
  for (const { table, key, reason } of next) {
    const failure = reason?.failure === undefined ? undefined : await tx.objectStore('failures').get(reason.failure);
    if (failure !== undefined) await tx.objectStore('failures').put({ ...failure, table, key });
  }
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
      const stored = await database.write(upgradeScope, async (tx) => {
        const results: boolean[] = [];
        for (const outcome of outcomes) results.push(await storeRecord(tx, upgrade, store, outcome));
        return results;
      });
      for (const [index, outcome] of outcomes.entries()) if (stored[index] === true) upgrade.onStored?.(outcome);
      isDone = isDone && stored.every((each) => each);
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
