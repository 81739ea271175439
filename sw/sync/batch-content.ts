import type { BackendConnection } from '../backend/backend.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { takeNumbers } from '../store/meta.ts';
import type { Schema } from '../store/schema.ts';
import { uploadStepOf, withProgress } from './progress.ts';
import type { WaitingRows } from './chosen-items.ts';
import { orderForUpload, type UploadItem } from './upload-order.ts';
import { encodeChange, encodeCommand } from './wire-change.ts';

/** A batch that is not stored yet. */
export interface MadeBatch {
  /** In the order of upload. */
  readonly items: readonly UploadItem[];
  readonly body: string;
  readonly waiting: WaitingRows;
}

export interface StoredBatch {
  readonly content: BatchContentRow;
  readonly journal: JournalRow;
  readonly items: readonly UploadItem[];
}

function encode(item: UploadItem): string {
  return item.type === 'change' ? encodeChange(item.table, item.row) : encodeCommand(item.row);
}

function describe(item: UploadItem): BatchItem {
  const { seq, mutationId } = item.row;
  return item.type === 'change'
    ? { type: 'change', seq, mutationId, table: item.row.table, key: item.row.key }
    : { type: 'command', seq, mutationId };
}

/** The request as it will be sent, from items in the order in which they were chosen. */
export function makeBatch(
  chosen: { readonly items: readonly UploadItem[]; readonly waiting: WaitingRows },
  context: {
    readonly schema: Schema;
    readonly backend: BackendConnection;
    readonly device: string;
    readonly run: JournalRow['run'];
  },
): MadeBatch {
  const { schema, backend, device, run } = context;
  const items = orderForUpload(schema, chosen.items);
  const tables = new Set(items.flatMap((item) => (item.type === 'change' ? [item.table] : [])));
  const onConflict = Object.fromEntries(
    [...tables].map((table) => [table.name, table.conflict === 'last-write-wins' ? 'overwrite' : 'report'] as const),
  );
  const group = items.find((item) => item.row.group !== undefined)?.row.group?.id;
  const body = backend.encodeUpload({
    ...{ device, run, onConflict },
    ...(group === undefined ? {} : { group }),
    changes: items.map(encode),
    sentBefore: new Set(
      items.flatMap(({ row }) => (row.triedIn !== undefined || 'sent' in row ? [row.mutationId] : [])),
    ),
  });
  return { items, body, waiting: chosen.waiting };
}

export async function storeWaiting(tx: WriteTransaction, { changes, commands }: WaitingRows): Promise<void> {
  await Promise.all([
    ...changes.map((row) => tx.objectStore('changes').put(row)),
    ...commands.map((row) => tx.objectStore('commands').put(row)),
  ]);
}

/**
 * Stores a batch, and the journal that has come so far, in the caller's strict transaction over changes, commands, members,
 * batches, runs and meta: from here on it is in flight (T-2).
 */
export async function storeBatch(
  tx: WriteTransaction,
  { items, body, waiting }: MadeBatch,
  next: JournalRow,
): Promise<StoredBatch> {
  // A tab that opens before the first answer sees that something is being sent.
  const journal = withProgress(next, uploadStepOf(next));
  const content: BatchContentRow = {
    batch: await takeNumbers(tx, 'number', 1),
    run: next.run,
    items: items.map(describe),
    body,
    attempts: 0,
  };
  const seqs = content.items.map((item) => item.seq);
  await Promise.all([
    tx.objectStore('batches').put(content),
    tx.objectStore('members').put({ batch: content.batch, run: next.run, seqs }),
    tx.objectStore('runs').put(journal),
    storeWaiting(tx, waiting),
  ]);
  return { content, journal, items };
}

/** Undoes the storing of a batch that was not sent: its changes are pending again. */
export async function takeBack(tx: WriteTransaction, { batch }: BatchContentRow): Promise<void> {
  await Promise.all([tx.objectStore('batches').delete(batch), tx.objectStore('members').delete(batch)]);
}
