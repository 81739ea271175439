import { CancelledError, fromPlainError, SyncError } from '../protocol/errors.ts';
import { isJsonObject } from '../protocol/record.ts';
import type { SynchronizeResult } from '../protocol/run.ts';
import { getMeta } from '../store/meta.ts';
import { readView } from '../store/view.ts';
import { readJournal, type RunRequest } from './run.ts';
import type { Session } from './session.ts';

/** A call that waits for a run, and may leave it. */
export interface Waiting {
  /** Rejects when the call leaves. */
  readonly left: Promise<never>;
  leave(): void;
}

export function createWaiting(): Waiting {
  let leave = (): void => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => reject(new CancelledError('The call was cancelled. A run that others take part in goes on.'));
  });
  // Who waits no longer need not hear of it.
  left.catch(() => undefined);
  return { left, leave: () => leave() };
}

/** Takes part in a run only if that covers what was asked for, with all that is written by now (S-08). */
export async function covers(session: Session, going: RunRequest, wanted: RunRequest): Promise<boolean> {
  const isSameSelection = going.selection?.fingerprint === wanted.selection?.fingerprint;
  const hasMode = wanted.mode === 'selected' ? isSameSelection : going.mode === 'all' || going.mode === wanted.mode;
  if (!hasMode || (wanted.full && !going.full)) return false;
  const journal = await readJournal(session);
  // One that began by itself may leave out what a call would not (SPEC R-15).
  if (journal === null) return going.trigger === 'call';
  const seq = await session.database.read(['meta'], (tx) => getMeta(tx, 'seq'));
  return journal.putOff !== 'left' && (seq ?? 0) <= journal.throughSeq;
}

/** A run's result as its caller gets it, or the error that ended it. */
export function outcomeOf(result: SynchronizeResult | null): SynchronizeResult {
  if (result === null)
    throw new SyncError('worker-lost', 'A newer worker takes over; the run goes on there.', { retryable: true });
  const { error } = result;
  if (error === undefined) return result;
  throw fromPlainError({ ...error, details: { ...error.details, result } });
}

/** The result with the selected records as they are here now; the history does without them. */
export async function withRecords(session: Session, result: SynchronizeResult): Promise<SynchronizeResult> {
  if (result.selected === undefined) return result;
  const { database, base } = session;
  const selected = await Promise.all(
    result.selected.map(async (entry) => {
      const { text } = await readView(database, base, entry.table, entry.key);
      const record: unknown = text === null ? null : JSON.parse(text);
      return { ...entry, record: isJsonObject(record) ? record : null };
    }),
  );
  return { ...result, selected };
}
