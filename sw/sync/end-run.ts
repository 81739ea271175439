import { AuthRequiredError, SyncError } from '../protocol/errors.ts';
import type { RunOutcome, SynchronizeResult } from '../protocol/run.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { StoreName } from '../store/format.ts';
import { addToHistory } from '../store/history.ts';
import { deleteMeta, getMeta, setMeta } from '../store/meta.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { readOutcomes } from '../store/selected.ts';
import { completeTo, stagedRows } from '../store/staging.ts';
import { takeBack } from './batch-content.ts';
import { readLeftAlone } from './left-alone.ts';
import { nextBackoff } from './retry.ts';
import { resultOf } from './run-result.ts';
import type { ActiveRun, Session } from './session.ts';
import { isStorageFault } from './state.ts';

interface RunEnd {
  readonly outcome: RunOutcome;
  readonly error: SyncError | null;
  /** What the server could not take; all else was done. */
  readonly later?: JournalRow['later'];
}

/** The error of a run that did all but that (SPEC R-15). */
function notTakenNow(): SyncError {
  return new SyncError('server', 'The server could not take some changes just now. They will be sent again.', {
    retryable: true,
  });
}

/** The end of a run that did all it could: it has failed only by what the server could not take. */
export function endOf(outcome: RunOutcome, { later }: JournalRow): RunEnd {
  return { outcome, error: outcome === 'failed' ? notTakenNow() : null, ...(later === undefined ? {} : { later }) };
}

/** What `endRun` touches. */
export const endScope: StoreName[] = ['runs', 'history', 'meta', 'selected', 'changes', 'heads', 'marks'];

/** Takes a run from the journal to the history, with what its end says of the network and of the next attempt. */
export async function endRun(
  tx: WriteTransaction,
  session: Session,
  journal: JournalRow,
  end: RunEnd,
): Promise<SynchronizeResult> {
  const { now, random } = session.environment;
  const selected = journal.selection === undefined ? null : await readOutcomes(tx, journal.selection.parts);
  const result: SynchronizeResult = {
    ...resultOf(journal, end.outcome, now(), end.error),
    skipped: await readLeftAlone(tx, session, journal, selected),
    ...(selected === null ? {} : { selected }),
  };
  await Promise.all([
    tx.objectStore('runs').delete('open'),
    tx.objectStore('selected').clear(),
    deleteMeta(tx, 'cancelRun'),
  ]);
  await addToHistory(tx, result);
  const { error } = end;
  if (error === null || end.outcome === 'cancelled') {
    if (end.outcome !== 'cancelled') {
      const { putOff, throughSeq } = journal;
      const backoff = putOff === 'left' ? await getMeta(tx, 'backoff') : undefined;
      await Promise.all([
        // What was left to another run waits for it.
        backoff === undefined
          ? deleteMeta(tx, 'backoff')
          : setMeta(tx, 'backoff', { ...backoff, forThrough: throughSeq }),
        deleteMeta(tx, 'authRequired'),
        setMeta(tx, 'reachable', true),
      ]);
    }
    return result;
  }
  if (error instanceof AuthRequiredError || error.code === 'user-mismatch') {
    await setMeta(tx, 'authRequired', true);
    await setMeta(tx, 'reachable', true);
    return result;
  }
  const last = (await getMeta(tx, 'backoff')) ?? null;
  const isForSome = end.later === 'some' || (end.later === 'same' && last?.forThrough !== undefined);
  const next = nextBackoff(last, error, { now: now(), random: random() });
  await setMeta(tx, 'backoff', isForSome ? { ...next, forThrough: journal.throughSeq } : next);
  // A fault of this device's own database says nothing of the network, nor does an app that cannot get its token.
  if (!isStorageFault(error) && error.code !== 'no-credentials')
    await setMeta(tx, 'reachable', error.code === 'server');
  return result;
}

/**
 * A full download that broke off goes on in the next run that downloads, if nobody cancels it (L-1c); what was staged otherwise begins
 * anew. Where there was no room for it, it gives back what it took, so that there is some for the user's writes (L-1b).
 */
export async function endWithoutSwitch(active: ActiveRun, end: RunEnd): Promise<SynchronizeResult> {
  const { session, next } = active;
  const downloads = active.journal.mode === 'all';
  const goesOn = end.error?.code !== 'quota' && (end.outcome === 'failed' || !downloads);
  return session.database.write([...endScope, 'batches', 'members'], async (tx) => {
    // Stored by this worker and not sent: nobody can have it (SPEC P-4).
    if (next !== null) await takeBack(tx, next);
    for (const row of await stagedRows(tx)) {
      if (!goesOn || !row.full || row.refused) await tx.objectStore('runs').delete(row.id);
      // Complete for this run; the next one asks for what came since.
      else if (row.end !== null)
        await tx.objectStore('runs').put({ ...row, completeTo: completeTo(row) ?? row.end.cursor });
    }
    return endRun(tx, session, active.journal, end);
  });
}
