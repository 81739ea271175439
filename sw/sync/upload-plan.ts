import { rowsOf, withState } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem, ChangeRow, CommandRow, JournalRow } from '../store/format.ts';
import { readMarks } from '../store/marks.ts';
import { takeNumbers } from '../store/meta.ts';
import { isSendable, isUploaded, type Schema, type Table } from '../store/schema.ts';
import type { Base } from '../store/base.ts';
import type { BackendConnection } from '../backend/backend.ts';
import type { RecordKey } from '../protocol/record.ts';
import { contentsToSend, type ContentToSend } from './contents-to-send.ts';
import { uploadStepOf, withProgress } from './progress.ts';
import { orderForUpload, refId, referencesIn, type RecordRef, type UploadItem } from './upload-order.ts';
import { afterPart, nextSelected } from './upload-selected.ts';
import { encodeChange, encodeCommand } from './wire-change.ts';

const changesInBatch = 1000;
const charactersInBatch = 2_000_000;

export interface PlanContext {
  readonly base: Base;
  readonly schema: Schema;
  readonly backend: BackendConnection;
  readonly device: string;
}

export type Plan =
  | { readonly type: 'batch'; readonly content: BatchContentRow; readonly journal: JournalRow }
  /** Nothing was stored: the server must have these contents before the records that name them. */
  | { readonly type: 'contents'; readonly contents: readonly ContentToSend[] }
  /** Nothing of this stretch could be sent; look further. */
  | { readonly type: 'skip'; readonly journal: JournalRow }
  | { readonly type: 'done' };

interface Stretch {
  readonly rows: ChangeRow[];
  readonly commands: CommandRow[];
  readonly through: number;
}

async function nextRows(tx: WriteTransaction, journal: JournalRow): Promise<Stretch> {
  const { uploadedThrough, throughSeq, resend } = journal;
  if (resend.length > 0) {
    const found = await Promise.all(resend.map((seq) => tx.objectStore('changes').index('seq').get(seq)));
    return { rows: found.filter((row) => row !== undefined), commands: [], through: uploadedThrough };
  }
  if (uploadedThrough >= throughSeq) return { rows: [], commands: [], through: throughSeq };
  const range = IDBKeyRange.bound(uploadedThrough, throughSeq, true, false);
  const [rows, commands] = await Promise.all([
    tx.objectStore('changes').index('seq').getAll(range, changesInBatch),
    tx.objectStore('commands').getAll(range, changesInBatch),
  ]);
  // What lies behind a full page is for the next one.
  const rowsEnd = rows.length === changesInBatch ? (rows.at(-1)?.seq ?? throughSeq) : throughSeq;
  const commandsEnd = commands.length === changesInBatch ? (commands.at(-1)?.seq ?? throughSeq) : throughSeq;
  const through = Math.min(rowsEnd, commandsEnd);
  return {
    rows: rows.filter((row) => row.seq <= through),
    commands: commands.filter((command) => command.seq <= through),
    through,
  };
}

/** Chooses what goes into a batch, in the transaction that stores it. */
class Selection {
  readonly #tx: WriteTransaction;
  readonly #context: PlanContext;
  readonly #journal: JournalRow;
  readonly #chosen = new Map<string, UploadItem>();
  readonly #verdicts = new Map<string, RecordRef | null>();
  /** The held keys of each table: read once, since a request for each row would take longer than the upload. */
  readonly #held = new Map<string, ReadonlySet<RecordKey>>();
  readonly items: UploadItem[] = [];

  constructor(tx: WriteTransaction, context: PlanContext, journal: JournalRow) {
    this.#tx = tx;
    this.#context = context;
    this.#journal = journal;
  }

  /** Whether another row of the record is in the batch already. */
  holds(ref: RecordRef): boolean {
    return this.#chosen.has(refId(ref));
  }

  async #isSendable(table: Table, row: ChangeRow): Promise<boolean> {
    if (row.state !== 'pending' && row.state !== 'blocked') return false;
    // What is selected is sent whatever the scope of its table.
    if (!(this.#journal.selection === undefined ? isUploaded(table) : isSendable(table))) return false;
    let held = this.#held.get(table.name);
    if (held === undefined) {
      const head = await this.#context.base.readHead(this.#tx, table.name);
      held = new Set(await readMarks(this.#tx, this.#context.base, head, 'hold'));
      this.#held.set(table.name, held);
    }
    return !held.has(row.key);
  }

  /** The record for which a change must wait, or null. Parents that were never sent are put into the batch before it. */
  async #waitsFor(table: Table, row: ChangeRow, trail: readonly string[]): Promise<RecordRef | null> {
    for (const ref of referencesIn(table, row.text)) {
      const id = refId(ref);
      if (this.#chosen.has(id) || trail.includes(id)) continue;
      let blocker = this.#verdicts.get(id);
      if (blocker === undefined) {
        blocker = await this.#bringParent(ref, [...trail, id]);
        this.#verdicts.set(id, blocker);
      }
      if (blocker !== null) return blocker;
    }
    return null;
  }

  async #bringParent(ref: RecordRef, trail: readonly string[]): Promise<RecordRef | null> {
    const [parent] = await rowsOf(this.#tx, ref.table, ref.key);
    if (parent === undefined || parent.operation !== 'create') return null;
    const table = this.#context.schema.tables.get(ref.table);
    if (table === undefined || !(await this.#isSendable(table, parent))) return ref;
    // Then the child goes alone, and the server says what it lacks.
    if (this.#journal.selection?.includeParents === false) return null;
    const blocker = await this.#waitsFor(table, parent, trail);
    if (blocker !== null) return blocker;
    this.#choose({ type: 'change', row: parent, table });
    return null;
  }

  #choose(item: UploadItem): void {
    if (item.type === 'change') this.#chosen.set(refId(item.row), item);
    this.items.push(item);
  }

  addCommand(row: CommandRow): void {
    if (row.state === 'pending') this.#choose({ type: 'command', row });
  }

  async addChange(row: ChangeRow): Promise<void> {
    const table = this.#context.schema.tables.get(row.table);
    if (table === undefined || this.holds(row) || !(await this.#isSendable(table, row))) return;
    const blocker = await this.#waitsFor(table, row, [refId(row)]);
    if (blocker === null) {
      this.#choose({ type: 'change', row, table });
      return;
    }
    const message = `It refers to ${blocker.table} ${String(blocker.key)}, which the server did not take yet.`;
    await this.#tx
      .objectStore('changes')
      .put(withState(row, 'blocked', { code: 'blocked', message, references: blocker }));
  }
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

/**
 * Chooses the next batch and stores it, in the caller's strict transaction over changes, commands, members, batches, runs,
 * meta, heads, marks and sentContents (T-2). Rows that wait for a parent are marked `blocked` on the way.
 */
export async function planBatch(tx: WriteTransaction, context: PlanContext, journal: JournalRow): Promise<Plan> {
  if (journal.selection !== undefined) {
    const part = await nextSelected(tx, context.schema, journal);
    return part === null
      ? { type: 'done' }
      : planFrom(tx, context, journal, { ...part, through: journal.uploadedThrough });
  }
  const next = await nextRows(tx, journal);
  if (next.rows.length > 0 || next.commands.length > 0) return planFrom(tx, context, journal, next);
  if (journal.uploadedThrough >= journal.throughSeq && journal.resend.length === 0) return { type: 'done' };
  const skipped = { ...journal, uploadedThrough: next.through, resend: [] };
  await tx.objectStore('runs').put(skipped);
  return { type: 'skip', journal: skipped };
}

async function planFrom(
  tx: WriteTransaction,
  context: PlanContext,
  journal: JournalRow,
  { rows, commands, through }: Stretch,
): Promise<Plan> {
  const selection = new Selection(tx, context, journal);
  const waiting: (ChangeRow | CommandRow)[] = [...rows, ...commands].sort((a, b) => a.seq - b.seq);
  let reached = journal.uploadedThrough;
  let characters = 0;
  for (const row of waiting) {
    if ('method' in row) selection.addCommand(row);
    else {
      // A second row of a record waits until the first is settled (invariant 3).
      if (selection.holds(row) && !selection.items.some((item) => item.row.seq === row.seq)) break;
      await selection.addChange(row);
      characters += row.text?.length ?? 0;
    }
    reached = Math.max(reached, row.seq);
    if (characters > charactersInBatch) break;
  }
  const complete = waiting.at(-1)?.seq === reached;
  const uploadedThrough = journal.resend.length > 0 ? journal.uploadedThrough : complete ? through : reached;
  // A part of a selection is looked at until nothing of it can be sent.
  const isSelected = journal.selection !== undefined;
  const next: JournalRow = { ...journal, ...(isSelected ? {} : { uploadedThrough }), resend: [] };
  if (selection.items.length === 0) {
    const skipped = isSelected ? afterPart(next) : next;
    await tx.objectStore('runs').put(skipped);
    return { type: 'skip', journal: skipped };
  }
  const contents = await contentsToSend(tx, journal.run, selection.items);
  if (contents.length > 0) return { type: 'contents', contents };
  // A tab that opens before the first answer sees that something is being sent.
  const sending = withProgress(next, uploadStepOf(next));
  const items = orderForUpload(context.schema, selection.items);
  const tables = new Set(items.flatMap((item) => (item.type === 'change' ? [item.table] : [])));
  const onConflict = Object.fromEntries(
    [...tables].map((table) => [table.name, table.conflict === 'last-write-wins' ? 'overwrite' : 'report'] as const),
  );
  const content: BatchContentRow = {
    batch: await takeNumbers(tx, 'number', 1),
    run: journal.run,
    items: items.map(describe),
    body: context.backend.encodeUpload({
      device: context.device,
      run: journal.run,
      onConflict,
      changes: items.map(encode),
    }),
    attempts: 0,
  };
  await Promise.all([
    tx.objectStore('batches').put(content),
    tx
      .objectStore('members')
      .put({ batch: content.batch, run: journal.run, seqs: content.items.map((item) => item.seq) }),
    tx.objectStore('runs').put(sending),
  ]);
  return { type: 'batch', content, journal: sending };
}
