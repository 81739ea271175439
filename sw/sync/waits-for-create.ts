import { rowsOf } from '../store/changes.ts';
import type { RecordRef } from '../store/blocked.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { BatchItem } from '../store/format.ts';
import type { Outcome } from '../protocol/wire.ts';
import { refId } from './upload-order.ts';

/**
 * The new record that is still here, unsent or refused, because of which the server could not take an item: it waits for
 * that record (U-07). Null: the server's word stands.
 */
export async function waitsForCreate(
  tx: AnyTransaction,
  { item, outcome, left }: { item: BatchItem; outcome: Outcome; left: ReadonlyMap<string, boolean> },
): Promise<RecordRef | null> {
  const refs = outcome.type === 'dangling' ? [outcome.references] : [];
  if (item.type === 'command' && outcome.type === 'gone') {
    refs.push(...((await tx.objectStore('commands').get(item.seq))?.names ?? []));
  }
  for (const ref of refs) {
    if (left.get(refId(ref)) === false) continue;
    const [first] = await rowsOf(tx, ref.table, ref.key);
    if (first?.operation === 'create') return ref;
  }
  return null;
}
