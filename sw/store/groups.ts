import type { AnyTransaction } from './database.ts';
import type { ChangeRow, CommandRow, GroupRef } from './format.ts';

/** What is left of an atomic group, in its order. */
export async function readGroup(
  tx: AnyTransaction,
  { id, first, size }: GroupRef,
): Promise<(ChangeRow | CommandRow)[]> {
  const range = IDBKeyRange.bound(first, first + size - 1);
  const [rows, commands] = await Promise.all([
    tx.objectStore('changes').index('seq').getAll(range),
    tx.objectStore('commands').getAll(range),
  ]);
  return [...rows, ...commands].filter((row) => row.group?.id === id).sort((a, b) => a.seq - b.seq);
}
