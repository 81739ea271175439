import type { AnyTransaction } from '../store/database.ts';
import { getMeta } from '../store/meta.ts';
import type { JournalRow } from '../store/run-rows.ts';

/** Nothing is left of what the run was opened for. */
export function isAllLookedAt({ selection, uploadedThrough, throughSeq, resend, putOff }: JournalRow): boolean {
  return (
    selection === undefined &&
    uploadedThrough >= throughSeq &&
    resend.length === 0 &&
    putOff !== 'found' &&
    putOff !== 'turn'
  );
}

/** The upload ends here, as the server fails at so much: what is left is for the next run. */
export function endUpload(ended: JournalRow): JournalRow {
  const { selection, throughSeq, putOff, tally, commands } = ended;
  const tookSome = commands > 0 || Object.values(tally).some(({ uploaded }) => uploaded > 0);
  // Of what it failed at before it says nothing new.
  const later = tookSome ? 'some' : hasTurn(putOff) ? 'same' : 'all';
  const journal: JournalRow = { ...ended, later };
  if (selection !== undefined) return { ...journal, selection: { ...selection, done: selection.parts } };
  return { ...journal, uploadedThrough: throughSeq, resend: [], putOff: 'rest' };
}

/** What was put off is sent now. */
export function hasTurn(putOff: JournalRow['putOff']): boolean {
  return putOff === 'turn' || putOff === 'rest';
}

/**
 * What was put off has its turn when all else was looked at: what waits for it is looked at once more. It begins behind where the last
 * turn was ended, if it was: else the same few would end it each time.
 */
export async function withTurn(tx: AnyTransaction, journal: JournalRow): Promise<JournalRow> {
  const { putOff, uploadedThrough, throughSeq, resend } = journal;
  if ((putOff !== 'found' && putOff !== 'turn') || uploadedThrough < throughSeq || resend.length > 0) return journal;
  const last = putOff === 'turn' ? 0 : ((await getMeta(tx, 'turnThrough')) ?? 0);
  const isBehind = last > 0 && last < throughSeq;
  return { ...journal, putOff: isBehind ? 'turn' : 'rest', uploadedThrough: isBehind ? last : 0 };
}
