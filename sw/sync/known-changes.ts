import type { RecordRef } from '../store/blocked.ts';
import { rowsOf } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { ChangeRow } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import type { StoredBatch } from './batch-content.ts';
import { keysOfSpan, spansOf, type ChangeItem, type ChangeKey } from './batch-rows.ts';
import { refId } from './upload-order.ts';

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
  /** Of all records, not of those in the batch alone. */
  readonly ofAll: boolean;
}

type ChangeKeys = readonly ChangeKey[];

function recordsWithSeveral(keys: ChangeKeys): ReadonlySet<string> {
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

/** Keys among which are those of all rows of these records; null: there are too many others. */
async function keysAround(tx: WriteTransaction, records: readonly RecordRef[]): Promise<ChangeKeys | null> {
  const lists = await Promise.all(spansOf(records).map((span) => keysOfSpan(tx, span)));
  return lists.some((keys) => keys === null) ? null : lists.flatMap((keys) => keys ?? []);
}

async function allKeys(tx: WriteTransaction): Promise<ChangeKeys | null> {
  const keys = await tx.objectStore('changes').getAllKeys(null, mostKeys + 1);
  return keys.length > mostKeys ? null : keys;
}

/** What is known once the batch is stored under the stamp, from what was known before; null: too few, or too much to know. */
export async function knowBatch(
  tx: WriteTransaction,
  {
    items,
    journal,
  }: Pick<StoredBatch, 'items'> & { readonly journal: Pick<JournalRow, 'throughSeq' | 'uploadedThrough'> },
  { stamp, before }: { readonly stamp: string; readonly before: KnownChanges | null },
): Promise<KnownChanges | null> {
  if (items.length < fewest) return null;
  const changed = items.flatMap((item) => (item.type === 'change' ? [item.row] : []));
  const rows = new Map(changed.map((row) => [row.seq, row]));
  if (before?.ofAll === true) return { stamp, rows, several: before.several, ofAll: true };
  // Of too many, reading that they are too many would take as long as what it spares.
  const ofAll = journal.throughSeq - journal.uploadedThrough <= mostKeys;
  const keys = ofAll ? await allKeys(tx) : await keysAround(tx, changed);
  return keys === null ? null : { stamp, rows, several: recordsWithSeveral(keys), ofAll };
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
