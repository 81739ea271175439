import { rowsOf } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchItem } from '../store/format.ts';
import type { Schema } from '../store/schema.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { Effects } from './batch-effects.ts';
import { withLocalColumns } from './local-columns.ts';
import { rebaseAbove } from './rebase-above.ts';
import { refId } from './upload-order.ts';

/**
 * What was made here after a command, on the version that the command found, lies on what the command made of it: it is not in
 * conflict with the user's own command (U-12). False: there is no such thing, or somebody else was there in between.
 */
export async function rebaseOnCommand(
  tx: WriteTransaction,
  schema: Schema,
  { outcome, batch }: { readonly outcome: Outcome; readonly batch: readonly BatchItem[] },
  effects: Effects,
): Promise<boolean> {
  if (outcome.type !== 'applied' || outcome.of === undefined) return false;
  const { record, version, of } = outcome;
  const table = schema.tables.get(of.table);
  const isSettled = batch.some((item) => item.type === 'change' && refId(item) === refId(of));
  if (table === undefined || record === null || version === null || isSettled) return false;
  const rows = await rowsOf(tx, of.table, of.key);
  const [first] = rows;
  if (first?.base?.version !== of.found || (first.state !== 'pending' && first.state !== 'blocked')) return false;
  const text = withLocalColumns(table, record, first.base.text);
  const rebased = rebaseAbove(rows, { text, version });
  // One of them is no more by that: the server is to say what it makes of them.
  if (rebased.length !== rows.length) return false;
  await Promise.all(rebased.map((row) => tx.objectStore('changes').put(row)));
  const { overlay, changed } = effects.of(of.table);
  overlay.set(of.key, { key: of.key, text, version, fields: {} });
  changed.push(of.key);
  return true;
}
