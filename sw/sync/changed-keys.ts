import type { AnyTransaction } from '../store/database.ts';
import type { StagedRow } from '../store/run-rows.ts';
import type { RecordKey } from '../protocol/record.ts';

const keysTold = 1000;

export interface ChangedKeys {
  readonly changed: readonly RecordKey[] | null;
  readonly removed: readonly RecordKey[] | null;
}

/** The keys that a delta or a refresh brings and takes away; null: too many to name (D-07). Scope: segments. */
export async function changedKeys(tx: AnyTransaction, staged: StagedRow): Promise<ChangedKeys> {
  const size = staged.segments.reduce((sum, segment) => sum + segment.records + segment.removals, 0);
  if (staged.full || staged.refused || size > keysTold) return { changed: null, removed: null };
  const segments = await Promise.all(
    staged.segments.map(({ id }) => tx.objectStore('segments').get([staged.table, id])),
  );
  return {
    changed: segments.flatMap((segment) => segment?.keys ?? []),
    removed: segments.flatMap((segment) => segment?.removed ?? []),
  };
}
