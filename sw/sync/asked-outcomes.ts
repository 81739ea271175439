import type { ChangeRow, FailureRow, OutcomeRow } from '../store/format.ts';
import type { Settlement } from './settle.ts';

/** Word for whoever asked, of the rows that a settlement leaves nothing of. */
export function askedOutcomes(
  rows: readonly ChangeRow[],
  settlement: Settlement,
  { failure, now }: { readonly failure: FailureRow | null; readonly now: number },
): readonly OutcomeRow[] {
  const asked = rows.filter((row) => row.asked === true);
  if (asked.length === 0) return [];
  const left = settlement.rows.map((row) => row.seq);
  return asked
    .filter((row) => !left.includes(row.seq))
    .map((row): OutcomeRow => ({ seq: row.seq, at: now, end: endOf(row, rows, settlement, failure) }));
}

function endOf(
  row: ChangeRow,
  [sent]: readonly ChangeRow[],
  { verdict, rows }: Settlement,
  failure: FailureRow | null,
): OutcomeRow['end'] {
  if (verdict === 'uploaded' && row.seq === sent?.seq) return { type: 'applied' };
  const next = rows.find((other) => other.seq > row.seq);
  if (next !== undefined) return { type: 'continued', seq: next.seq };
  return failure === null ? { type: 'discarded' } : { type: 'refused', code: failure.code, failure: failure.id };
}
