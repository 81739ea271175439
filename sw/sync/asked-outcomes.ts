import type { ChangeRow, FailureRow } from '../store/format.ts';
import type { OutcomeRow } from '../store/request-rows.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { Settlement } from './settle.ts';

/** Word for whoever asked, of the rows that a settlement leaves nothing of. */
export function askedOutcomes(
  rows: readonly ChangeRow[],
  settlement: Settlement,
  told: { readonly outcome: Outcome; readonly failure: FailureRow | null; readonly now: number },
): readonly OutcomeRow[] {
  const asked = rows.filter((row) => row.asked === true);
  if (asked.length === 0) return [];
  const left = settlement.rows.map((row) => row.seq);
  return asked
    .filter((row) => !left.includes(row.seq))
    .map((row): OutcomeRow => ({ seq: row.seq, at: told.now, end: endOf(row, rows, settlement, told) }));
}

function endOf(
  row: ChangeRow,
  [sent]: readonly ChangeRow[],
  { verdict, rows }: Settlement,
  { outcome, failure }: { readonly outcome: Outcome; readonly failure: FailureRow | null },
): OutcomeRow['end'] {
  // Taken, whatever became of the record and of what was written over it.
  const isTaken = verdict === 'uploaded' || outcome.type === 'applied';
  if (isTaken && row.seq === sent?.seq) return { type: 'applied' };
  // Of a group it goes on in the place of the row below.
  const next = rows.find((other) => other.seq > row.seq) ?? rows.at(-1);
  if (next !== undefined) return { type: 'continued', seq: next.seq };
  return failure === null ? { type: 'discarded' } : { type: 'refused', code: failure.code, failure: failure.id };
}
