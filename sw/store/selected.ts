import type { AnyTransaction, WriteTransaction } from './database.ts';
import type { SelectedRow, SelectedVerdict } from './run-rows.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { SelectedOutcome } from '../protocol/run.ts';

/** Outcomes that a result names; the others are counted. */
const outcomesNamed = 1000;

/** Stores the parts of a selection instead of an older one's. */
export async function storeSelection(tx: WriteTransaction, parts: readonly SelectedRow[]): Promise<void> {
  const store = tx.objectStore('selected');
  await store.clear();
  await Promise.all(parts.map((part, index) => store.put(part, index)));
}

export function readSelected(tx: AnyTransaction, part: number): Promise<SelectedRow | undefined> {
  return tx.objectStore('selected').get(part);
}

export interface Verdict {
  readonly table: string;
  readonly key: RecordKey;
  readonly verdict: SelectedVerdict;
}

/** Notes what became of records; those that are not of the part came along with it and are not named. */
export async function noteVerdicts(tx: WriteTransaction, part: number, verdicts: readonly Verdict[]): Promise<void> {
  const row = await readSelected(tx, part);
  if (row === undefined || verdicts.length === 0) return;
  const places = new Map(row.keys.map((key, index) => [key, index]));
  const noted = [...row.verdicts];
  for (const { table, key, verdict } of verdicts) {
    const place = table === row.table ? places.get(key) : undefined;
    if (place !== undefined) noted[place] = verdict;
  }
  await tx.objectStore('selected').put({ ...row, verdicts: noted }, part);
}

/** What a result says of a selection, part by part until there is enough. */
export async function readOutcomes(tx: AnyTransaction, parts: number): Promise<SelectedOutcome[]> {
  const outcomes: SelectedOutcome[] = [];
  for (let part = 0; part < parts && outcomes.length < outcomesNamed; part += 1) {
    const row = await readSelected(tx, part);
    if (row === undefined) continue;
    row.keys.forEach((key, index) => {
      const verdict = row.verdicts[index] ?? { outcome: 'pending' };
      outcomes.push({ table: row.table, key, ...verdict });
    });
  }
  return outcomes.slice(0, outcomesNamed).sort((a, b) => (a.table === b.table ? compareKeys(a.key, b.key) : 0));
}
