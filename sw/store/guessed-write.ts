import { countAliases } from './aliases.ts';
import type { Base } from './base.ts';
import { coalesce } from './coalesce.ts';
import { StaleReadError, type Database, type WriteTransaction } from './database.ts';
import type { ChangeBase, ChangeRow, StoreName } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import type { RequestRow } from './request-rows.ts';
import { readSeqState, setMeta } from './meta.ts';
import { requestRowOf, type RecordWrite, type WriteResult } from './record-write.ts';

/** The state over which the write would be the first change of its record, as memory has it; null: memory cannot tell. */
function recallBase(base: Base, write: RecordWrite): { readonly stored: ChangeBase | null; generation: number } | null {
  const head = base.lastHead(write.table);
  if (head === undefined || head.sendMarks + head.holdMarks > 0) return null;
  const { generation } = head;
  if (write.keyIsNew) return { stored: null, generation };
  const record = base.recallRecord(head, write.key);
  if (record === undefined) return null;
  if (record !== null) return { stored: { text: record.text, version: record.version }, generation };
  return (head.complete && head.whole) || write.fetched !== undefined
    ? { stored: write.fetched ?? null, generation }
    : null;
}

interface Guess {
  readonly generation: number;
  readonly row: ChangeRow;
  /** No change of the record can be there. */
  readonly isFirst: boolean;
  /** The request as a row of its own. */
  readonly request: RequestRow | null;
  /** The list of requests that this write leaves. */
  readonly requests: readonly RequestRow[];
  readonly aliases: number | undefined;
}

interface KnownHead {
  readonly stamp: string | null;
  readonly head: HeadRow;
}

/** The table's head, from memory if no transaction has written heads since it was read. */
async function headAt(tx: WriteTransaction, base: Base, stamp: string | null, table: string): Promise<HeadRow> {
  const { heads } = base.recent;
  const known = heads.stamp === stamp ? heads.tables.get(table) : undefined;
  return known ?? base.readHead(tx, table);
}

/**
 * Reads and writes go out together; if what was read is not what was guessed, all of it is rolled back. As few requests as can be:
 * each costs about a tenth of what the transaction costs without it.
 */
async function commitGuess(tx: WriteTransaction, base: Base, guess: Guess): Promise<KnownHead> {
  const { generation, row, isFirst, request, requests, aliases } = guess;
  const changes = tx.objectStore('changes');
  const looked = Promise.all([
    readSeqState(tx),
    isFirst ? undefined : changes.getKey(IDBKeyRange.bound([row.table, row.key], [row.table, row.key, []])),
    aliases === undefined ? undefined : countAliases(tx),
    request?.explicit === true ? tx.objectStore('requests').getKey(request.fingerprint) : undefined,
  ]);
  const written = Promise.all([
    changes.put(row),
    setMeta(tx, 'seqWrites', { seq: row.seq, requests }),
    request === null ? undefined : tx.objectStore('requests').put(request),
  ]);
  const check = async (): Promise<KnownHead> => {
    const [state, change, known, repeated] = await looked;
    const head = await headAt(tx, base, state.headsStamp, row.table);
    const isUnmarked = head.sendMarks + head.holdMarks === 0;
    const isRight = head.generation === generation && isUnmarked && change === undefined && repeated === undefined;
    if (!isRight || known !== aliases || state.last !== row.seq - 1) throw new StaleReadError('a guessed write');
    // No commit() of one's own: Firefox completes a transaction in part if one of its requests fails behind it for want of space.
    return { stamp: state.headsStamp, head };
  };
  const [known] = await Promise.all([check(), written]);
  return known;
}

function learnHead(base: Base, { stamp, head }: KnownHead): void {
  const { heads } = base.recent;
  if (heads.stamp === stamp && heads.tables.get(head.table) === head) return;
  base.recent.heads = {
    stamp,
    tables: new Map([...(heads.stamp === stamp ? heads.tables : []), [head.table, head]]),
  };
}

/**
 * Stores a record's first change in one trip to the database instead of two, with what memory has of the base. Null: it
 * guessed wrong, or had nothing to guess with, and nothing was stored. Same promises as `writeRecord`.
 */
export async function writeAsGuessed(
  database: Database,
  base: Base,
  write: RecordWrite,
  now: number,
): Promise<WriteResult | null> {
  const { recent } = base;
  const { table, key, operation, mutationId, schema, asked = false } = write;
  if (
    write.file !== undefined ||
    write.also !== undefined ||
    write.draft !== undefined ||
    recent.seq === null ||
    (write.request !== undefined && !write.request.explicit && !recent.noRepeats)
  )
    return null;
  const recalled = recallBase(base, write);
  if (recalled === null) return null;
  const { stored, generation } = recalled;
  if (stored === null && (operation === 'update' || operation === 'delete')) return null;
  const text = operation === 'delete' ? null : write.content(stored?.text ?? null);
  const state = { rows: [], base: stored, marked: false, inFlight: new Set<number>(), sealedThrough: 0 };
  const coalesced = coalesce({ table, key, operation, text, mutationId, schema, at: now, asked }, state);
  // A refusal is not given on a guess.
  if (coalesced.type !== 'append') return null;
  const seq = recent.seq + 1;
  const result = { created: stored === null, text };
  const made = requestRowOf(write, now, result);
  const requestRow: RequestRow | null = made === null ? null : { ...made, seqs: [seq, seq] };
  // An explicit key is kept for long, and looked up by it.
  const listed = requestRow === null || requestRow.explicit ? null : recent.requests.next(requestRow, now);
  const requests = listed ?? recent.requests.kept(now);
  const own = listed === null ? requestRow : null;
  recent.seq = seq;
  recent.guesses += 1;
  recent.requests.learn(requests);
  const guess = {
    generation,
    row: { ...coalesced.row, seq },
    isFirst: write.keyIsNew && typeof key === 'string',
    request: own,
    requests,
    aliases: write.aliases,
  };
  const scope: StoreName[] = ['heads', 'changes', 'meta', ...(own === null ? [] : ['requests' as const])];
  try {
    learnHead(base, await database.write(scope, (tx) => commitGuess(tx, base, guess), { isTold: true }));
  } catch (error) {
    recent.seq = null;
    recent.noRepeats = false;
    if (error instanceof StaleReadError) return null;
    throw error;
  }
  return { type: 'stored', ...result, dropped: false, seq };
}
