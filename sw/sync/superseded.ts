import { parkGroup } from '../store/park-group.ts';
import { releaseFollowers } from '../store/blocked.ts';
import { rowsOf, seqsInFlight } from '../store/changes.ts';
import { StaleReadError, type AnyTransaction, type WriteTransaction } from '../store/database.ts';
import type { ChangeRow, FailureRow, StoreName } from '../store/format.ts';
import type { HeadRow } from '../store/base-rows.ts';
import type { StagedRow } from '../store/run-rows.ts';
import { readMarks, removeMarks } from '../store/marks.ts';
import { getMeta } from '../store/meta.ts';
import { noteFailed } from '../store/outcomes.ts';
import { floorIndex, recordAt, recordOf, type StoredRecord } from '../store/packed.ts';
import type { RecordKey, RunId } from '../protocol/record.ts';
import type { RunMode } from '../protocol/run.ts';
import { parseStored } from '../store/rebase.ts';
import { isOfRun } from '../store/staging.ts';
import type { Session } from './session.ts';

/** The held records of a table that a download brings in another version, or whose removal it brings (K-04). */
export interface Superseded {
  /** The head under which this was found. */
  readonly head: HeadRow;
  readonly keys: readonly RecordKey[];
}

export const supersedeScope: StoreName[] = [
  'heads',
  'marks',
  'changes',
  'commands',
  'members',
  'failures',
  'meta',
  'outcomes',
];
const findScope: StoreName[] = ['heads', 'runs', 'marks', 'roots', 'segments', 'leaves', 'changes', 'members'];
const keysInSlice = 500;

type Brought = (key: RecordKey) => Promise<StoredRecord | null | undefined>;

/** What a staged download says of a record: its copy, null for its removal, undefined for nothing. */
async function broughtBy(tx: AnyTransaction, session: Session, staged: StagedRow): Promise<Brought> {
  const { base, schema } = session;
  const recent = new Map<RecordKey, StoredRecord | null>();
  for (const ref of staged.segments) {
    const segment = await base.readSegment(tx, staged.table, ref);
    segment.keys.forEach((key, index) => recent.set(key, recordAt(segment, index)));
    for (const key of segment.removed) recent.set(key, null);
  }
  const root = staged.full ? await base.readRoot(tx, { table: staged.table, root: staged.generation }) : null;
  // What a part of a table does not hold may only have left that part.
  const absent = typeof schema.tables.get(staged.table)?.scope === 'object' ? undefined : null;
  return async (key) => {
    if (recent.has(key)) return recent.get(key);
    if (root === null) return undefined;
    const leaf = floorIndex(root.firstKeys, key);
    if (leaf < 0) return absent;
    return recordOf(await base.readLeaf(tx, staged.table, root, leaf), key) ?? absent;
  };
}

function isSame(brought: StoredRecord | null, known: StoredRecord | null): boolean {
  if (brought === null || known === null) return brought === known;
  return brought.version === known.version && (brought.version !== '' || brought.text === known.text);
}

/** Whether a hold ends: the record's change is one that a server's copy can be newer than, and that copy is new. */
async function isSuperseded(
  tx: AnyTransaction,
  session: Session,
  context: { readonly head: HeadRow; readonly inFlight: ReadonlySet<number>; readonly brought: Brought },
  key: RecordKey,
): Promise<boolean> {
  const rows = await rowsOf(tx, context.head.table, key);
  const [first] = rows;
  if (first === undefined || first.operation === 'create') return false;
  if (rows.some((row) => context.inFlight.has(row.seq))) return false;
  const brought = await context.brought(key);
  return brought !== undefined && !isSame(brought, await session.base.readRecord(tx, context.head, key));
}

export async function findIn(session: Session, staged: StagedRow): Promise<Superseded> {
  const { database, base } = session;
  const [head, held] = await database.read(['heads', 'marks'], async (tx) => {
    const read = await base.readHead(tx, staged.table);
    return [read, await readMarks(tx, base, read, 'hold')] as const;
  });
  const keys: RecordKey[] = [];
  for (let start = 0; start < held.length; start += keysInSlice) {
    const slice = held.slice(start, start + keysInSlice);
    await database.read(findScope, async (tx) => {
      const [brought, inFlight] = await Promise.all([broughtBy(tx, session, staged), seqsInFlight(tx)]);
      for (const key of slice) if (await isSuperseded(tx, session, { head, inFlight, brought }, key)) keys.push(key);
    });
  }
  return { head, keys };
}

/** Looks through the holds of all tables that the run has staged to their end, or refreshed. Without holds it reads their heads alone. */
export async function findSuperseded(session: Session, mode: RunMode): Promise<readonly Superseded[]> {
  const rows = await session.database.read(['runs'], (tx) => tx.objectStore('runs').getAll());
  const staged = rows.filter(
    (row): row is StagedRow =>
      'generation' in row && isOfRun(row, mode) && (row.end !== null || row.refresh === true) && !row.refused,
  );
  const found: Superseded[] = [];
  for (const row of staged) found.push(await findIn(session, row));
  return found;
}

function failureOf(
  session: Session,
  device: string,
  run: RunId,
  rows: readonly [ChangeRow, ...ChangeRow[]],
): FailureRow {
  const last = rows.at(-1) ?? rows[0];
  return {
    id: session.environment.newId(),
    table: last.table,
    key: last.key,
    operation: last.operation,
    content: last.text === null ? null : parseStored(last.text),
    base: rows[0].base === null ? null : parseStored(rows[0].base.text),
    code: 'superseded',
    message:
      'The change was held back, and the server has another copy by now. The record shows that; this is the change.',
    user: session.user,
    device,
    run,
    at: session.environment.now(),
    retriable: false,
    seq: null,
    reported: 0,
  };
}

/**
 * Ends holds, in the transaction that puts the newer copies in place: each held change becomes a failure `superseded`, so
 * that its value is not lost. Throws `StaleReadError` if a status was set, or a held record edited, since they were found.
 */
export async function supersede(
  tx: WriteTransaction,
  session: Session,
  run: RunId,
  superseded: readonly Superseded[],
): Promise<readonly FailureRow[]> {
  const failures: FailureRow[] = [];
  const device = (await getMeta(tx, 'device')) ?? '';
  for (const { head, keys } of superseded) {
    const { table } = head;
    const now = await session.base.readHead(tx, table);
    if (now.marks !== head.marks || now.generation !== head.generation) throw new StaleReadError(`${table} moved`);
    if (keys.length === 0) continue;
    for (const key of keys) {
      const [first, ...rest] = await rowsOf(tx, table, key);
      if (first === undefined) continue;
      const earlier = (rest.at(-1) ?? first).reason?.failure;
      if (earlier !== undefined) await tx.objectStore('failures').delete(earlier);
      const failure = failureOf(session, device, run, [first, ...rest]);
      failures.push(failure);
      await noteFailed(tx, [first, ...rest], failure);
      await Promise.all([first, ...rest].map((row) => tx.objectStore('changes').delete([table, key, row.seq])));
      await releaseFollowers(tx, [first]);
      const { newId, now: clock } = session.environment;
      for (const { group } of [first, ...rest]) {
        if (group !== undefined) await parkGroup(tx, group, { user: session.user, device, at: clock(), newId });
      }
    }
    await removeMarks(tx, now, 'hold', keys);
  }
  await Promise.all(failures.map((failure) => tx.objectStore('failures').put(failure)));
  return failures;
}
