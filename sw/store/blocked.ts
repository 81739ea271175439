import { withCommandState, withState } from './changes.ts';
import type { WriteTransaction } from './database.ts';
import type { ChangeRow } from './format.ts';
import type { RecordKey } from '../protocol/record.ts';

export interface RecordRef {
  readonly table: string;
  readonly key: RecordKey;
}

/** Why a change or a command waits (U-07): `references` names what it waits for. */
export function waitingFor(blocker: RecordRef): NonNullable<ChangeRow['reason']> {
  const message = `It waits for ${blocker.table} ${String(blocker.key)}, which the server did not take yet.`;
  return { code: 'blocked', message, references: { table: blocker.table, key: blocker.key } };
}

/**
 * Makes pending again what waited for one of these records, because it was taken, edited, or given up. The transaction's
 * scope must hold `changes` and `commands`. Gives the seqs of what was released.
 */
export async function releaseFollowers(tx: WriteTransaction, blockers: readonly RecordRef[]): Promise<number[]> {
  if (blockers.length === 0) return [];
  const idOf = ({ table, key }: RecordRef): string => JSON.stringify([table, key]);
  const ids = new Set(blockers.map(idOf));
  const isNamed = (reason: ChangeRow['reason']): boolean =>
    reason?.references !== undefined && ids.has(idOf(reason.references));
  const released: number[] = [];
  const changes = tx.objectStore('changes');
  const commands = tx.objectStore('commands');
  // Only what is stuck is in this index, and its second part is the state.
  const [stuck, waiting] = await Promise.all([
    changes.index('stuck').getAll(),
    commands.index('stuck').getAll('blocked'),
  ]);
  const writes: Promise<unknown>[] = [];
  for (const row of stuck) {
    if (row.state !== 'blocked' || !isNamed(row.reason)) continue;
    released.push(row.seq);
    writes.push(changes.put(withState(row, 'pending')));
  }
  for (const row of waiting) {
    if (!isNamed(row.reason)) continue;
    released.push(row.seq);
    writes.push(commands.put(withCommandState(row, 'pending')));
  }
  await Promise.all(writes);
  return released;
}
