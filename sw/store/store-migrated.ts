import type { Base } from './base.ts';
import { releaseFollowers, type RecordRef } from './blocked.ts';
import { rowsOf, seqsInFlight } from './changes.ts';
import type { Database, WriteTransaction } from './database.ts';
import type { ChangeRow, FailureRow, StoreName } from './format.ts';
import { isMarked, packMarks, readMarks, releaseHolds, removeMark, writeMarks } from './marks.ts';
import { MovedNames } from './moved-names.ts';
import type { MetaValues } from './meta-values.ts';
import { getMeta } from './meta.ts';
import type { Migrate } from './migrate-row.ts';
import { noteFailed } from './outcomes.ts';
import { parkGroup } from './park-group.ts';
import type { Schema } from './schema.ts';
import { compareKeys, type Json } from '../protocol/record.ts';

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
  /** Why they were parked. */
  readonly code?: 'schema' | 'superseded';
}

export const upgradeScope: StoreName[] = [
  ...(['changes', 'commands', 'drafts', 'members', 'failures', 'meta', 'heads', 'marks', 'outcomes'] as const),
];

function parsed(text: string | null | undefined): Json {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- what is stored was JSON when it came in
  return text === null || text === undefined ? null : JSON.parse(text);
}

function isAt({ table, key }: RecordRef, other: RecordRef): boolean {
  return table === other.table && compareKeys(key, other.key) === 0;
}

function failureOf(
  { newId, schema, user, now }: SchemaUpgrade,
  rows: readonly [ChangeRow, ...ChangeRow[]],
  code: 'schema' | 'superseded',
  device: string,
): FailureRow {
  const [first] = rows;
  const last = rows.at(-1) ?? first;
  const { table, key } = last;
  const why =
    code === 'schema'
      ? `does not fit version ${schema.version}`
      : `version ${schema.version} has it where there is other work, which was kept`;
  const wasSent = first.state === 'unknown' || (first.state !== 'rejected' && first.sent !== undefined);
  const mayBeThere = first.operation === 'create' && wasSent ? ' The server may have it already.' : '';
  return {
    id: newId(),
    table,
    key,
    operation: first.operation === 'create' ? 'create' : last.operation,
    content: parsed(last.text),
    base: parsed(first.base?.text),
    code,
    message: `It was made with version ${last.schema} of the app and ${why}. Its content is kept here.${mayBeThere}`,
    user,
    device,
    run: '',
    at: now(),
    retriable: false,
    seq: null,
    reported: 0,
  };
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

/** Keeps the rows of a record, which were deleted, as one failure. */
async function park(
  tx: WriteTransaction,
  upgrade: SchemaUpgrade,
  rows: readonly [ChangeRow, ...ChangeRow[]],
  code: 'schema' | 'superseded',
): Promise<void> {
  const { user, newId, now } = upgrade;
  const failures = tx.objectStore('failures');
  const device = (await getMeta(tx, 'device')) ?? '';
  const failure = failureOf(upgrade, rows, code, device);
  await failures.put(failure);
  await noteFailed(tx, rows, failure);
  for (const { group } of rows) if (group !== undefined) await parkGroup(tx, group, { user, device, at: now(), newId });
  // Failures of the rows that went hold what the server said; they cannot be retried any more.
  for (const { reason } of rows) {
    const old = reason?.failure === undefined ? undefined : await failures.get(reason.failure);
    if (old !== undefined) await failures.put({ ...old, retriable: false, seq: null });
  }
}

/** Stores what became of one record's rows, if they are still those that were read. What is in flight keeps its place, or waits: null. */
async function storeRecord(
  tx: WriteTransaction,
  upgrade: SchemaUpgrade,
  store: 'changes' | 'drafts',
  { rows, next }: StoredRecordRows,
): Promise<StoredRecordRows | null> {
  const [first, ...rest] = rows;
  if (first === undefined) return { rows, next };
  const rowsAt = async ({ table, key }: RecordRef): Promise<readonly unknown[]> =>
    store === 'changes'
      ? rowsOf(tx, table, key)
      : [await tx.objectStore('drafts').get([table, key])].filter((row) => row !== undefined);
  if (JSON.stringify(await rowsAt(first)) !== JSON.stringify(rows)) return null;
  const inFlight = store === 'changes' ? await seqsInFlight(tx) : new Set<number>();
  const elsewhere = (next ?? []).filter((row) => !isAt(row, first));
  const moved = next === null || elsewhere.length > 0;
  // Its outcome names the record as it was sent.
  if (moved && rows.some((row) => inFlight.has(row.seq))) return null;
  const remove = (row: ChangeRow): Promise<void> =>
    store === 'changes'
      ? tx.objectStore('changes').delete([row.table, row.key, row.seq])
      : tx.objectStore('drafts').delete([row.table, row.key]);
  if (moved) await Promise.all(rows.map(remove));
  // Two pieces of work on one record: nobody can tell which one is wanted.
  const isTaken = (await Promise.all(elsewhere.map(rowsAt))).some((there) => there.length > 0);
  if (next !== null && !isTaken) {
    await Promise.all(next.map((row) => tx.objectStore(store).put(row)));
    if (moved && store === 'changes') await moveStatus(tx, upgrade, first, next);
    return { rows, next };
  }
  const code = next === null ? 'schema' : 'superseded';
  await park(tx, upgrade, [first, ...rest], code);
  // A draft's record may have a change, and that may be held.
  if (store === 'changes') await releaseHolds(tx, upgrade.base, [first]);
  return { rows, next: null, code };
}

/** Stores what became of the rows of some records, in one transaction. Gives those that did not have to wait. */
export async function storeMigrated(
  tx: WriteTransaction,
  upgrade: SchemaUpgrade,
  store: 'changes' | 'drafts',
  records: readonly StoredRecordRows[],
): Promise<readonly StoredRecordRows[]> {
  const stored: StoredRecordRows[] = [];
  for (const record of records) {
    const done = await storeRecord(tx, upgrade, store, record);
    if (done !== null) stored.push(done);
  }
  if (store === 'drafts') return stored;
  const names = new MovedNames();
  const parked: ChangeRow[] = [];
  for (const { rows, next } of stored) {
    const [from] = rows;
    const [to] = next ?? [];
    if (from === undefined) continue;
    if (to === undefined) parked.push(from);
    else names.add(from, to);
  }
  // After all of them: what waits may be of these itself.
  await names.store(tx);
  await releaseFollowers(tx, parked);
  return stored;
}
