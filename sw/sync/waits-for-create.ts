import { rowsOf } from '../store/changes.ts';
import type { RecordRef } from '../store/blocked.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { BatchItem } from '../store/format.ts';
import type { Outcome } from '../protocol/wire.ts';
import { isSendable, type Schema } from '../store/schema.ts';
import { neededBy, refId } from './upload-order.ts';

/** Whether new records that are here refer, one to the next, from one record to another. */
async function refersTo(
  tx: AnyTransaction,
  schema: Schema,
  { from, to, seen = new Set() }: { readonly from: RecordRef; readonly to: string; readonly seen?: Set<string> },
): Promise<boolean> {
  if (refId(from) === to) return true;
  if (seen.has(refId(from))) return false;
  seen.add(refId(from));
  const table = schema.tables.get(from.table);
  const [first] = await rowsOf(tx, from.table, from.key);
  if (table === undefined || first?.operation !== 'create') return false;
  for (const next of neededBy(table, first)) {
    if (await refersTo(tx, schema, { from: next, to, seen })) return true;
  }
  return false;
}

/**
 * The new record that is still here, unsent or refused, because of which the server could not take an item: it waits for
 * that record (U-07). Null: the server's word stands, as for records that refer to each other: each would wait for the other.
 */
export async function waitsForCreate(
  tx: AnyTransaction,
  {
    schema,
    item,
    outcome,
    left,
  }: {
    readonly schema: Schema;
    readonly item: BatchItem;
    readonly outcome: Outcome;
    readonly left: ReadonlyMap<string, boolean>;
  },
): Promise<RecordRef | null> {
  const refs = outcome.type === 'dangling' ? [outcome.references] : [];
  if (item.type === 'command' && outcome.type === 'gone') {
    refs.push(...((await tx.objectStore('commands').get(item.seq))?.names ?? []));
  }
  for (const ref of refs) {
    const table = schema.tables.get(ref.table);
    if (left.get(refId(ref)) === false || (table !== undefined && !isSendable(table))) continue;
    const [first] = await rowsOf(tx, ref.table, ref.key);
    if (first?.operation !== 'create') continue;
    // A later member of its own group comes no sooner if it is sent again.
    if (first.group !== undefined && first.group.first <= item.seq && item.seq < first.seq) continue;
    if (item.type === 'change' && (await refersTo(tx, schema, { from: ref, to: refId(item) }))) continue;
    return ref;
  }
  return null;
}
