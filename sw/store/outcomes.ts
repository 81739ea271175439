import type { AnyTransaction, WriteTransaction } from './database.ts';
import { seqsInFlight } from './changes.ts';
import type { ChangeRow, CommandRow, FailureRow, StoreName } from './format.ts';
import type { OutcomeRow } from './request-rows.ts';
import { explicitKeepMs } from './requests.ts';
import type { WriteOutcome } from '../protocol/outcome.ts';
import { failureCodes, type FailureCode } from '../protocol/status.ts';

export const outcomeScope: StoreName[] = ['requests', 'changes', 'commands', 'members', 'outcomes', 'failures'];

/** What became of what has one `seq`. */
export type Standing =
  | { readonly type: 'pending'; readonly detail: 'pending' | 'in-flight' | 'blocked' }
  | { readonly type: 'applied' | 'discarded' }
  | Omit<Extract<WriteOutcome, { readonly type: 'refused' }>, 'table' | 'key'>;

function isFailureCode(code: string): code is FailureCode {
  return failureCodes.some((known) => known === code);
}

function refusedBy(failure: FailureRow): Standing {
  const { id, code, message, fields } = failure;
  return { type: 'refused', code, message, ...(fields === undefined ? {} : { fields }), failure: id };
}

async function standingOfRow(tx: AnyTransaction, row: ChangeRow | CommandRow): Promise<Standing> {
  const { state, reason, seq } = row;
  if (state === 'pending' || state === 'blocked') {
    const isInFlight = (await seqsInFlight(tx)).has(seq);
    return { type: 'pending', detail: isInFlight ? 'in-flight' : state };
  }
  const code = reason !== undefined && isFailureCode(reason.code) ? reason.code : 'unknown';
  const { message = 'The server did not take it.', fields, failure = null } = reason ?? {};
  return { type: 'refused', code, message, ...(fields === undefined ? {} : { fields }), failure };
}

/** What became of a change or command that was stored with `asked`. Scope: `outcomeScope`. */
export async function standingOf(tx: AnyTransaction, seq: number): Promise<Standing> {
  const [change, command, left] = await Promise.all([
    tx.objectStore('changes').index('seq').get(seq),
    tx.objectStore('commands').get(seq),
    tx.objectStore('outcomes').get(seq),
  ]);
  const row = change ?? command;
  if (row !== undefined) return standingOfRow(tx, row);
  if (left === undefined) return { type: 'discarded' };
  const { end } = left;
  switch (end.type) {
    case 'continued':
      // A row that stood when this one went: what is gone never comes back, so the chain ends.
      return standingOf(tx, end.seq);
    case 'refused': {
      const failure = end.failure === null ? undefined : await tx.objectStore('failures').get(end.failure);
      if (failure !== undefined) return refusedBy(failure);
      const message = 'The server did not take it, and what it was has been given up since.';
      return { type: 'refused', code: end.code, message, failure: null };
    }
    default:
      return { type: end.type };
  }
}

/** A group is taken whole or not at all, so what tells most of one member tells it of all. */
function standingOfGroup(standings: readonly Standing[]): Standing {
  const order = ['refused', 'pending', 'applied', 'discarded'] as const;
  for (const type of order) {
    const found = standings.find((standing) => standing.type === type);
    if (found !== undefined) return found;
  }
  return { type: 'discarded' };
}

/** What became of the request; it must have been stored with an explicit key. Scope: `outcomeScope`. */
export async function outcomeOfRequest(
  tx: AnyTransaction,
  [first, last]: readonly [number, number],
): Promise<Standing> {
  const standings: Standing[] = [];
  for (let seq = first; seq <= last; seq += 1) standings.push(await standingOf(tx, seq));
  return standingOfGroup(standings);
}

/** Leaves word of what became of rows that are gone. */
export async function noteOutcomes(tx: WriteTransaction, outcomes: readonly OutcomeRow[]): Promise<void> {
  await Promise.all(outcomes.map((outcome) => tx.objectStore('outcomes').put(outcome)));
}

/** Leaves word that rows are gone for a failure that has what they were. Scope: outcomes. */
export function noteFailed(
  tx: WriteTransaction,
  rows: readonly (ChangeRow | CommandRow)[],
  { id: failure, code, at }: FailureRow,
): Promise<void> {
  const asked = rows.filter((row) => row.asked === true);
  return noteOutcomes(
    tx,
    asked.map(({ seq }) => ({ seq, at, end: { type: 'refused', code, failure } })),
  );
}

/** Forgets what nobody can ask about any more: the requests are forgotten before. */
export async function sweepOutcomes(tx: WriteTransaction, now: number): Promise<void> {
  const store = tx.objectStore('outcomes');
  const old = await store.index('at').getAllKeys(IDBKeyRange.upperBound(now - explicitKeepMs, true), 1000);
  await Promise.all(old.map((seq) => store.delete(seq)));
}
