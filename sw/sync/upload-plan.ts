import type { AnyTransaction, WriteTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { readGroup } from '../store/groups.ts';
import type { Schema } from '../store/schema.ts';
import type { Base } from '../store/base.ts';
import type { BackendConnection } from '../backend/backend.ts';
import { deleteMeta } from '../store/meta.ts';
import { makeBatch, storeBatch, storeWaiting, type StoredBatch } from './batch-content.ts';
import { contentsToSend, type ContentToSend } from './contents-to-send.ts';
import type { WaitingRows } from './chosen-items.ts';
import { hasTurn, isAllLookedAt, withTurn } from './put-off.ts';
import { Choice } from './upload-choice.ts';
import { isReferredTo, refId, type UploadItem } from './upload-order.ts';
import { afterPart, nextSelected } from './upload-selected.ts';
import { nextStretch, type Stretch } from './upload-stretch.ts';

const changesInBatch = 1000;
/** While pages ask: they wait for the transaction that settles a batch. */
const changesWhileAsked = 128;
/** Without idempotency: what a worker that is stopped leaves open is for the user to decide. */
const attemptsInBatch = 6;
/** Of the records' texts; the change that passes it is the last one. */
export const charactersInBatch = 2_000_000;

export interface PlanContext {
  readonly base: Base;
  readonly schema: Schema;
  readonly backend: BackendConnection;
  readonly device: string;
  /** Pages ask just now. */
  readonly isAsked: boolean;
}

/** For a batch that is to follow one whose answer is not known yet. */
export interface Ahead {
  /** The records and commands of that one. */
  readonly underWay: ReadonlySet<string>;
  readonly characters: number;
}

export type Plan =
  | ({ readonly type: 'batch' } & StoredBatch)
  /** Nothing was stored: the server must have these contents before the records that name them. */
  | { readonly type: 'contents'; readonly contents: readonly ContentToSend[] }
  /** Nothing of this stretch could be sent; look further. */
  | { readonly type: 'skip'; readonly journal: JournalRow }
  | { readonly type: 'done' };

/** What is to be stored next; of it nothing is stored yet. */
export type Chosen =
  | {
      readonly type: 'batch';
      readonly items: readonly UploadItem[];
      readonly waiting: WaitingRows;
      readonly next: JournalRow;
    }
  | { readonly type: 'contents'; readonly contents: readonly ContentToSend[] }
  | { readonly type: 'skip'; readonly waiting: WaitingRows; readonly next: JournalRow }
  | { readonly type: 'done' };

function mostRows({ backend, isAsked }: PlanContext): number {
  if (!backend.idempotent) return attemptsInBatch;
  return isAsked ? changesWhileAsked : changesInBatch;
}

/** Chooses the next batch. With `ahead`, only from what can be planned before the batch under way is settled (SPEC P-2). */
export async function chooseNext(
  tx: AnyTransaction,
  context: PlanContext,
  opened: JournalRow,
  ahead: Ahead | null = null,
): Promise<Chosen> {
  if (opened.selection !== undefined) {
    const part = await nextSelected(tx, context.schema, opened);
    if (part === null) return { type: 'done' };
    return chooseFrom(tx, context, opened, { ...part, through: opened.uploadedThrough, unread: [] }, ahead);
  }
  const journal = await withTurn(tx, opened);
  const rows = mostRows(context);
  const characters = ahead?.characters ?? charactersInBatch;
  const stretch = await nextStretch(tx, journal, { rows, characters });
  if (stretch.rows.length > 0 || stretch.commands.length > 0) return chooseFrom(tx, context, journal, stretch, ahead);
  if (isAllLookedAt(journal)) return { type: 'done' };
  const next = { ...journal, uploadedThrough: stretch.through, resend: stretch.unread };
  return { type: 'skip', waiting: { changes: [], commands: [] }, next };
}

/** Whether what becomes of the batch under way may decide on more than the references of this one. */
function mustWait({ underWay }: Ahead, schema: Schema, row: ChangeRow | CommandRow): boolean {
  if (row.group !== undefined || 'method' in row || underWay.has(refId(row))) return true;
  return row.operation === 'delete' && isReferredTo(schema, row.table);
}

async function chooseFrom(
  tx: AnyTransaction,
  { base, schema }: PlanContext,
  journal: JournalRow,
  { rows, commands, through, unread }: Stretch,
  ahead: Ahead | null,
): Promise<Chosen> {
  const choice = new Choice(tx, { base, schema, underWay: ahead?.underWay ?? new Set() }, journal);
  const { chosen } = choice;
  const stretch: (ChangeRow | CommandRow)[] = [...rows, ...commands].sort((a, b) => a.seq - b.seq);
  await choice.lookUpParents(rows);
  let reached = journal.uploadedThrough;
  const visited = new Set<number>();
  for (const row of stretch) {
    if (ahead !== null && mustWait(ahead, schema, row)) break;
    if (row.group !== undefined) {
      if (chosen.items.length > 0 || !(await choice.addGroup(await readGroup(tx, row.group)))) break;
      visited.add(row.seq);
      reached = Math.max(reached, row.seq);
      if (chosen.items.length > 0) break;
      continue;
    }
    if ('method' in row) {
      if (!(await choice.addCommand(row))) break;
    } else {
      // A second row of a record waits until the first is settled (invariant 3).
      if (choice.holds(row)) break;
      if (!(await choice.addChange(row))) break;
    }
    visited.add(row.seq);
    reached = Math.max(reached, row.seq);
    if (chosen.characters > (ahead?.characters ?? charactersInBatch)) break;
  }
  const complete = stretch.at(-1)?.seq === reached;
  const uploadedThrough = journal.resend.length > 0 ? journal.uploadedThrough : complete ? through : reached;
  // A part of a selection is looked at until nothing of it can be sent.
  const isSelected = journal.selection !== undefined;
  const left = stretch.map((row) => row.seq).filter((seq) => !visited.has(seq));
  const resend = journal.resend.length === 0 ? [] : [...left, ...unread];
  const putOff = choice.hasPutOff ? { putOff: 'found' as const } : {};
  const next: JournalRow = { ...journal, ...(isSelected ? {} : { uploadedThrough }), resend, ...putOff };
  const { items, waiting } = chosen;
  if (items.length === 0) return { type: 'skip', waiting, next: isSelected ? afterPart(next) : next };
  const contents = await contentsToSend(tx, journal.run, items);
  return contents.length > 0 ? { type: 'contents', contents } : { type: 'batch', items, waiting, next };
}

/**
 * Chooses the next batch and stores it, in the caller's strict transaction over changes, commands, members, batches, runs,
 * meta, heads, marks and sentContents (T-2). Rows that wait for a parent are marked `blocked` on the way.
 */
export async function planBatch(tx: WriteTransaction, context: PlanContext, journal: JournalRow): Promise<Plan> {
  const chosen = await chooseNext(tx, context, journal);
  const isTurn = 'next' in chosen && hasTurn(chosen.next.putOff) && journal.putOff === 'found';
  if (isTurn) await deleteMeta(tx, 'turnThrough');
  switch (chosen.type) {
    case 'done':
      return chosen;
    case 'contents':
      return chosen;
    case 'skip':
      await Promise.all([tx.objectStore('runs').put(chosen.next), storeWaiting(tx, chosen.waiting)]);
      return { type: 'skip', journal: chosen.next };
    case 'batch': {
      const made = makeBatch(chosen, { ...context, run: journal.run });
      return { type: 'batch', ...(await storeBatch(tx, made, chosen.next)) };
    }
  }
}
