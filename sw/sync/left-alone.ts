import type { WriteTransaction } from '../store/database.ts';
import type { ChangeRow } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { readMarks } from '../store/marks.ts';
import type { SelectedOutcome, SkippedRecord } from '../protocol/run.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { Session } from './session.ts';

const recordsNamed = 1000;

function reasonOf({ state }: ChangeRow): SkippedRecord['reason'] {
  switch (state) {
    case 'conflict':
      return 'conflict';
    case 'blocked':
      return 'blocked';
    default:
      return 'rejected';
  }
}

function fromSelection(selected: readonly SelectedOutcome[]): SkippedRecord[] {
  return selected.flatMap(({ table, key, outcome }): SkippedRecord[] => {
    switch (outcome) {
      case 'uncommitted':
      case 'unknown':
      case 'held':
      case 'blocked':
        return [{ table, key, reason: outcome }];
      default:
        return [];
    }
  });
}

/** What the run did not send: of a selection what is in it, else what is held back or stuck since an earlier run (S-11). */
export async function readLeftAlone(
  tx: WriteTransaction,
  session: Session,
  journal: JournalRow,
  selected: readonly SelectedOutcome[] | null,
): Promise<readonly SkippedRecord[]> {
  if (selected !== null) return fromSelection(selected);
  const tables = [...session.schema.tables.keys()];
  const failedNow = new Map(tables.map((name) => [name, new Set<RecordKey>(journal.tally[name]?.failedKeys ?? [])]));
  const stuck = await tx.objectStore('changes').index('stuck').getAll(null, recordsNamed);
  const skipped = stuck
    .filter(({ table, key }) => failedNow.get(table)?.has(key) !== true)
    .map((row): SkippedRecord => ({ table: row.table, key: row.key, reason: reasonOf(row) }));
  for (const name of tables) {
    const held = await readMarks(tx, session.base, await session.base.readHead(tx, name), 'hold');
    for (const key of held.slice(0, recordsNamed)) skipped.push({ table: name, key, reason: 'held' });
    if (skipped.length >= recordsNamed) break;
  }
  return skipped.slice(0, recordsNamed);
}
