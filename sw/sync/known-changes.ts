import { rowsOf } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { ChangeRow } from '../store/format.ts';
import type { ChangeItem } from './batch-rows.ts';
import { refId, type UploadItem } from './upload-order.ts';

/** For fewer it is quicker to ask for each. */
const fewest = 64;
/** Of all changes; more are not held in memory. */
const mostKeys = 20_000;

/**
 * What a run knows of the changes since its last transaction. Right while that one's stamp stands: since then at most guessed
 * writes came, each the first change of a record that had none, and so of none in a batch (W-2).
 */
export interface KnownChanges {
  readonly stamp: string;
  /** The rows of the batch under way. */
  readonly rows: ReadonlyMap<number, ChangeRow>;
  /** Records that may have more than one row. */
  readonly several: ReadonlySet<string>;
}

async function recordsWithSeveral(tx: WriteTransaction): Promise<ReadonlySet<string> | null> {
  const keys = await tx.objectStore('changes').getAllKeys(null, mostKeys + 1);
  if (keys.length > mostKeys) return null;
  const several = new Set<string>();
  // The rows of a record are neighbours.
  let last = '';
  for (const [table, key] of keys) {
    const id = refId({ table, key });
    if (id === last) several.add(id);
    last = id;
  }
  return several;
}

/** What is known once the batch of these items is stored under the stamp; null: too few, or too much to know. */
export async function knowBatch(
  tx: WriteTransaction,
  items: readonly UploadItem[],
  { stamp, several = null }: { readonly stamp: string; readonly several?: ReadonlySet<string> | null },
): Promise<KnownChanges | null> {
  if (items.length < fewest) return null;
  const records = several ?? (await recordsWithSeveral(tx));
  if (records === null) return null;
  const rows = items.flatMap((item) => (item.type === 'change' ? [[item.row.seq, item.row] as const] : []));
  return { stamp, rows: new Map(rows), several: records };
}

/** As `readBatchRows`, but for most records without asking. */
export async function recallBatchRows(
  tx: WriteTransaction,
  items: readonly ChangeItem[],
  { rows, several }: KnownChanges,
): Promise<ReadonlyMap<number, readonly ChangeRow[]>> {
  const lists = await Promise.all(
    items.map(async (item): Promise<[number, readonly ChangeRow[]]> => {
      const row = rows.get(item.seq);
      const isAlone = row !== undefined && !several.has(refId(item));
      return [item.seq, isAlone ? [row] : await rowsOf(tx, item.table, item.key)];
    }),
  );
  return new Map(lists);
}
