import { countAliases } from './aliases.ts';
import type { Base } from './base.ts';
import { coalesce } from './coalesce.ts';
import { StaleReadError, type Database, type WriteTransaction } from './database.ts';
import type { ChangeBase, ChangeRow, RequestRow } from './format.ts';
import { getMeta, setMeta } from './meta.ts';
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
  readonly request: RequestRow | null;
  readonly aliases: number | undefined;
}

/** Reads and writes go out together; if what was read is not what was guessed, all of it is rolled back. */
async function commitGuess(
  tx: WriteTransaction,
  base: Base,
  { generation, row, request, aliases }: Guess,
): Promise<void> {
  const changes = tx.objectStore('changes');
  const requests = tx.objectStore('requests');
  const [known, head, change, seq, repeated] = await Promise.all([
    aliases === undefined ? undefined : countAliases(tx),
    base.readHead(tx, row.table),
    changes.getKey(IDBKeyRange.bound([row.table, row.key], [row.table, row.key, []])),
    getMeta(tx, 'seq'),
    request?.explicit === true ? requests.getKey(request.fingerprint) : undefined,
    changes.put(row),
    setMeta(tx, 'seq', row.seq),
    request === null ? undefined : requests.put({ ...request, seqs: [row.seq, row.seq] }),
  ]);
  const isUnmarked = head.sendMarks + head.holdMarks === 0;
  const isRight = head.generation === generation && isUnmarked && change === undefined && repeated === undefined;
  if (!isRight || known !== aliases || (seq ?? 0) !== row.seq - 1) throw new StaleReadError('a guessed write');
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
  const { table, key, operation, mutationId, schema, request, asked = false } = write;
  if (
    write.file !== undefined ||
    write.also !== undefined ||
    write.draft !== undefined ||
    recent.seq === null ||
    (request !== undefined && !request.explicit && !recent.noRepeats)
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
  recent.seq = seq;
  const result = { created: stored === null, text };
  const guess = {
    generation,
    row: { ...coalesced.row, seq },
    request: requestRowOf(write, now, result),
    aliases: write.aliases,
  };
  try {
    await database.write(['heads', 'changes', 'meta', 'requests'], (tx) => commitGuess(tx, base, guess));
  } catch (error) {
    recent.seq = null;
    if (error instanceof StaleReadError) return null;
    throw error;
  }
  return { type: 'stored', ...result, dropped: false, seq };
}
