import { countAliases } from './aliases.ts';
import { type Base, untilUnmoved } from './base.ts';
import { releaseFollowers } from './blocked.ts';
import { rowsOf, seqsInFlight } from './changes.ts';
import { coalesce, type CoalescedWrite, type IncomingWrite, type StoredState } from './coalesce.ts';
import { StaleReadError, type Database, type AnyTransaction, type WriteTransaction } from './database.ts';
import type { ChangeBase, ChangeRow, StoreName } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import type { RequestRow } from './request-rows.ts';
import { isMarked, removeMark } from './marks.ts';
import { contentScope, nameContent } from './contents.ts';
import { getMeta, readSeqState, setMeta, type SeqState } from './meta.ts';
import { writeAsGuessed } from './guessed-write.ts';
import { requestRowOf, type RecordWrite, type WriteResult } from './record-write.ts';
import { canRepeat, claimRequest, matchRequest } from './requests.ts';
import { StorageError } from '../protocol/errors.ts';
import type { MutationId } from '../protocol/record.ts';

interface ReadState {
  readonly head: HeadRow;
  readonly state: StoredState;
  readonly baseKnown: boolean;
  readonly isRenamed: boolean;
  /** Changes whenever anything changed that the computation rests on. */
  readonly signature: string;
}

function signatureOf(
  head: HeadRow,
  rows: readonly ChangeRow[],
  members: readonly number[],
  sealedThrough: number,
): string {
  const versions = rows.map((row) => `${row.seq}:${row.mutationId}:${row.state}:${row.sealed === true}`);
  return JSON.stringify([head.generation, head.marks, versions, members, sealedThrough]);
}

/** Whether a command on the record was made after the row, and is still to be sent. */
async function isAwaitedByCommand(tx: AnyTransaction, { table, key, seq }: ChangeRow): Promise<boolean> {
  const later = await tx.objectStore('commands').getAll(IDBKeyRange.lowerBound(seq, true));
  return later.some(
    ({ state, names }) =>
      (state === 'pending' || state === 'blocked') && names.some((ref) => ref.table === table && ref.key === key),
  );
}

/** Of what was written since: a write that is so far behind its record's last row is joined with it all the same. */
const rowsLookedAt = 64;

/**
 * Whether what was written since the record's last row may be about the same record by another key: one of the two is a new record on its
 * way to the server, and the other is not (SPEC N-3).
 */
async function isPassed(
  tx: AnyTransaction,
  [first, last]: readonly [ChangeRow, ChangeRow],
  inFlight: ReadonlySet<number>,
): Promise<boolean> {
  const isOnItsWay = (row: ChangeRow | undefined): boolean => row?.operation === 'create' && inFlight.has(row.seq);
  const range = IDBKeyRange.lowerBound(last.seq, true);
  const [later, commands] = await Promise.all([
    tx.objectStore('changes').index('seq').getAllKeys(range, rowsLookedAt),
    tx.objectStore('commands').getAll(range, rowsLookedAt),
  ]);
  const named = [...later.map(([table, key]) => ({ table, key })), ...commands.flatMap(({ names }) => names)];
  const others = new Set(named.flatMap(({ table, key }) => (table === last.table && key !== last.key ? [key] : [])));
  for (const key of others) {
    const [other] = await rowsOf(tx, last.table, key);
    if (isOnItsWay(other) !== isOnItsWay(first)) return true;
  }
  return false;
}

export async function readState(tx: AnyTransaction, base: Base, write: RecordWrite): Promise<ReadState> {
  const [aliases, head, rows, members, inFlight, sealed] = await Promise.all([
    write.aliases === undefined ? undefined : countAliases(tx),
    base.readHead(tx, write.table),
    rowsOf(tx, write.table, write.key),
    tx.objectStore('members').getAllKeys(),
    seqsInFlight(tx),
    getMeta(tx, 'sealedThrough'),
  ]);
  const sealedThrough = sealed ?? 0;
  const isRenamed = aliases !== write.aliases;
  const signature = signatureOf(head, rows, members, sealedThrough);
  if (rows.length > 0 || write.keyIsNew) {
    const last = rows.at(-1);
    const isAwaited = last?.state === 'blocked' && (await isAwaitedByCommand(tx, last));
    const [first] = rows;
    const mayBePassed = write.hasServerKeys === true && inFlight.size > 0 && first !== undefined;
    const passed = mayBePassed && last?.operation === 'update' && (await isPassed(tx, [first, last], inFlight));
    const state = { rows, base: null, marked: false, inFlight, sealedThrough, isAwaited, isPassed: passed };
    return { head, state, baseKnown: true, isRenamed, signature };
  }
  const record = await base.readRecord(tx, head, write.key);
  const marked = record !== null && (await isMarked(tx, head, 'send', write.key));
  const stored: ChangeBase | null = record === null ? null : { text: record.text, version: record.version };
  const state = { rows, base: stored ?? write.fetched ?? null, marked, inFlight, sealedThrough };
  const baseKnown = stored !== null || (head.complete && head.whole) || write.fetched !== undefined;
  return { head, state, baseKnown, isRenamed, signature };
}

interface Committed {
  /** The last `seq` given out. */
  readonly last: number;
  /** The row that stands for the write; null: none. */
  readonly place: number | null;
}

function placeOf(coalesced: Exclude<CoalescedWrite, { readonly type: 'refuse' }>, last: number): number | null {
  if (coalesced.type === 'drop') return null;
  return coalesced.type === 'append' ? last + 1 : coalesced.row.seq;
}

/**
 * Commits what was computed, if what it rests on is unchanged: else it gives null. Requests of one transaction are made together: each answer
 * that is waited for costs a page's write a trip to the database and back.
 */
async function commit(
  tx: WriteTransaction,
  base: Base,
  write: RecordWrite,
  computed: {
    readonly signature: string;
    readonly coalesced: Exclude<CoalescedWrite, { readonly type: 'refuse' }>;
    readonly request: RequestRow | null;
  },
): Promise<Committed | null> {
  const { coalesced, request, signature } = computed;
  const requests = tx.objectStore('requests');
  const changes = tx.objectStore('changes');
  const [aliases, head, rows, members, sealed, numbers, repeated] = await Promise.all([
    write.aliases === undefined ? undefined : countAliases(tx),
    base.readHead(tx, write.table),
    rowsOf(tx, write.table, write.key),
    tx.objectStore('members').getAllKeys(),
    getMeta(tx, 'sealedThrough'),
    readSeqState(tx),
    request?.explicit === true ? requests.getKey(request.fingerprint) : undefined,
  ]);
  if (signatureOf(head, rows, members, sealed ?? 0) !== signature || repeated !== undefined) return null;
  if (aliases !== write.aliases) return null;
  await removeMark(tx, await removeMark(tx, head, 'send', write.key), 'hold', write.key);
  const { last } = numbers;
  const place = placeOf(coalesced, last);
  const seqs = place === null ? ([0, -1] as const) : ([place, place] as const);
  const writes: Promise<unknown>[] = request === null ? [] : [requests.put({ ...request, seqs })];
  if (numbers.requests.length > 0) writes.push(unlist(tx, base, numbers));
  switch (coalesced.type) {
    case 'amend':
      writes.push(changes.put(coalesced.row));
      if (rows.at(-1)?.state !== 'pending') await releaseFollowers(tx, [coalesced.row]);
      break;
    case 'append':
      writes.push(setMeta(tx, 'seq', last + 1), changes.put({ ...coalesced.row, seq: last + 1 }));
      break;
    case 'drop':
      writes.push(changes.delete([coalesced.row.table, coalesced.row.key, coalesced.row.seq]));
      await releaseFollowers(tx, [coalesced.row]);
      break;
  }
  if (write.file !== undefined) writes.push(nameContent(tx, write.file));
  if (write.draft !== undefined) writes.push(removeDraft(tx, write, write.draft));
  await Promise.all(writes);
  return { last: Math.max(last, place ?? 0), place };
}

/** The requests that guessed writes left become rows of their own: memory may not know of all of them. */
async function unlist(tx: WriteTransaction, base: Base, { last, requests }: SeqState): Promise<void> {
  const { handled } = base.recent.requests;
  const left = requests.filter(({ fingerprint }) => !handled.has(fingerprint));
  await Promise.all([
    setMeta(tx, 'seqWrites', { seq: last, requests: [] }),
    ...left.map((row) => tx.objectStore('requests').put(row)),
  ]);
}

/** A draft that is not the one that was read is rolled back with the rest of the transaction. */
async function removeDraft(tx: WriteTransaction, { table, key }: RecordWrite, id: MutationId): Promise<void> {
  const drafts = tx.objectStore('drafts');
  const draft = await drafts.get([table, key]);
  if (draft?.mutationId !== id) throw new StaleReadError('a committed draft');
  await drafts.delete([table, key]);
}

/** What storing a write touches. */
export const writeScope: readonly StoreName[] = [
  'heads',
  'changes',
  'commands',
  'members',
  'meta',
  'requests',
  'marks',
];

/** One write within another's transaction, which takes all that is read and written with it back if it throws. */
export async function writeWithin(tx: WriteTransaction, base: Base, write: RecordWrite, now: number): Promise<void> {
  const { state, signature } = await readState(tx, base, write);
  const view = state.rows.at(-1)?.text ?? (state.rows.length === 0 ? (state.base?.text ?? null) : null);
  const { table, key, operation, mutationId, schema } = write;
  const text = write.content(view);
  const coalesced = coalesce({ table, key, operation, text, mutationId, schema, at: now }, state);
  const isStored =
    coalesced.type !== 'refuse' && (await commit(tx, base, write, { signature, coalesced, request: null })) !== null;
  if (!isStored) throw new StaleReadError(`${table} moved`);
}

/** What a draft's id may have done already, by another device, it must not do to what else is unsent of the record. */
function coalesceWrite(write: RecordWrite, incoming: IncomingWrite, state: StoredState): CoalescedWrite {
  if (write.draft === undefined) return coalesce(incoming, state);
  const coalesced = coalesce(incoming, { ...state, sealedThrough: Number.MAX_SAFE_INTEGER });
  if (coalesced.type !== 'amend' || write.amendId === undefined) return coalesced;
  return { ...coalesced, row: { ...coalesced.row, mutationId: write.amendId } };
}

const maximumAttempts = 50;

/**
 * Stores one write of a page (SPEC W-1 to W-4): reads, computes, and commits in one strict transaction that checks that
 * what was read is unchanged. When the promise settles with `stored`, the change is on disk, and with it the answer of
 * the request it came from. Repeating the same request is safe as SPEC say.
 */
export async function writeRecord(
  database: Database,
  base: Base,
  write: RecordWrite,
  now: number,
): Promise<WriteResult> {
  const guessed = await writeAsGuessed(database, base, write, now);
  if (guessed !== null) return guessed;
  const { request } = write;
  const readScope: StoreName[] = write.keyIsNew
    ? ['heads', 'changes', 'commands', 'members', 'meta', 'requests']
    : ['heads', 'changes', 'commands', 'members', 'meta', 'requests', 'marks', 'roots', 'segments', 'leaves'];
  const stores: StoreName[] = [
    ...writeScope,
    ...(write.file === undefined ? [] : contentScope),
    ...(write.draft === undefined ? [] : (['drafts'] as const)),
  ];
  for (let attempt = 0; attempt < maximumAttempts; attempt += 1) {
    const read = await untilUnmoved(() =>
      database.read(readScope, async (tx) => {
        const match = request === undefined ? null : await matchRequest(tx, request, now);
        if (request !== undefined && !base.recent.noRepeats) {
          base.recent.noRepeats = !(await canRepeat(tx, request.incarnation, now));
        }
        return { match, ...(await readState(tx, base, write)) };
      }),
    );
    if (read.match?.type === 'changed') return { type: 'request-changed' };
    if (read.match?.type === 'repeat' && request !== undefined) {
      const { row } = read.match;
      await database.write(['requests', 'meta'], (tx) => claimRequest(tx, row, request));
      return { type: 'repeated', row };
    }
    if (read.isRenamed) return { type: 'renamed' };
    if (!read.baseKnown) return { type: 'unknown-base' };
    const view =
      read.state.rows.at(-1)?.text ?? (read.state.rows.length === 0 ? (read.state.base?.text ?? null) : null);
    // What does not exist cannot be changed; the coalescing table says which refusal it is.
    const missing = view === null && (write.operation === 'update' || write.operation === 'delete');
    const text = write.operation === 'delete' || missing ? null : write.content(view);
    const { table, key, operation, mutationId, schema, asked = false } = write;
    const incoming = { table, key, operation, text, mutationId, schema, at: now, asked };
    const coalesced = coalesceWrite(write, incoming, read.state);
    if (coalesced.type === 'refuse') return { type: 'refused', code: coalesced.code };
    const result = { created: view === null, text };
    const row = requestRowOf(write, now, result);
    const { signature } = read;
    const also = (await write.also?.(attempt)) ?? null;
    const scope = also === null ? stores : [...new Set([...stores, ...also.stores])];
    const store = async (tx: WriteTransaction): Promise<Committed | null> => {
      await also?.check(tx);
      const done = await commit(tx, base, write, { signature, coalesced, request: row });
      if (done !== null) await also?.work(tx, (other) => writeWithin(tx, base, other, now));
      return done;
    };
    const { guesses } = base.recent;
    const committed = await database.write(scope, store).catch((error: unknown) => {
      if (also !== null && error instanceof StaleReadError) return null;
      throw error;
    });
    if (committed === null) continue;
    // What was stored with it, or guessed meanwhile, has a later one.
    const isLast = also === null && base.recent.guesses === guesses;
    base.recent.seq = isLast ? committed.last : null;
    if (isLast) base.recent.requests.learn([]);
    return { type: 'stored', ...result, dropped: coalesced.type === 'drop', seq: committed.place };
  }
  throw new StorageError(
    `The record ${String(write.key)} of ${write.table} kept changing while it was written. Try again.`,
  );
}
