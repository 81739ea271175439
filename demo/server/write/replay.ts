import type { JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';
import type { Outcome } from '../../../sw/protocol/wire.ts';
import type { Queryable } from '../database/database.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import type { LedgerRow } from './ledger.ts';
import { isReadable, WorkingSet } from './working-set.ts';
import type { WriteContext } from './write-context.ts';

/** The stored outcomes of ledger rows by mutation id, with the records as they are now and as far as they are readable. */
export async function replay(
  tx: Queryable,
  { catalog, user }: Pick<WriteContext, 'catalog' | 'user'>,
  rows: readonly LedgerRow[],
): Promise<ReadonlyMap<string, Outcome>> {
  const set = new WorkingSet(tx, user);
  const keys = new Map<TableDefinition, RecordKey[]>();
  const keyOf = (row: LedgerRow): RecordKey | null => row.assignedKey ?? row.key;
  const subjects = rows.flatMap((row) => {
    const table = row.table === null ? undefined : catalog.find(row.table);
    const key = keyOf(row);
    const shown = row.outcome === null || row.outcome.type === 'conflict';
    return shown && table !== undefined && key !== null ? [{ table, key }] : [];
  });
  for (const { table, key } of subjects) {
    const wanted = keys.get(table);
    if (wanted === undefined) keys.set(table, [key]);
    else wanted.push(key);
  }
  for (const [table, wanted] of keys) await set.load(table, wanted, false);

  return new Map(
    rows.map((row): [string, Outcome] => {
      const table = row.table === null ? undefined : catalog.find(row.table);
      const key = keyOf(row);
      const state = table === undefined || key === null ? null : (set.find(table, key)?.current ?? null);
      const shown =
        state !== null && isReadable(state, user) && (row.outcome !== null || row.operation !== 'delete')
          ? state
          : null;
      return [row.mutationId, outcomeOf(row, shown)];
    }),
  );
}

function outcomeOf(row: LedgerRow, shown: { record: JsonRecord; version: bigint } | null): Outcome {
  const current = { record: shown?.record ?? null, version: shown === null ? null : String(shown.version) };
  if (row.outcome?.type === 'conflict') return { ...row.outcome, ...current };
  if (row.outcome !== null) return row.outcome;
  const { mutationId } = row;
  const key = row.assignedKey ?? row.key;
  return { type: 'applied', mutationId, ...(key === null ? {} : { key }), ...current };
}
