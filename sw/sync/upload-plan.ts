import { waitingFor, type RecordRef } from '../store/blocked.ts';
import { rowsOf, withCommandState, withState } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem, ChangeRow, CommandRow } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { readGroup } from '../store/groups.ts';
import { readMarks } from '../store/marks.ts';
import { takeNumbers } from '../store/meta.ts';
import { isSendable, isUploaded, type Schema, type Table } from '../store/schema.ts';
import type { Base } from '../store/base.ts';
import type { BackendConnection } from '../backend/backend.ts';
import type { RecordKey } from '../protocol/record.ts';
import { rowsMadeIn } from './batch-rows.ts';
import { Leavers } from './upload-leavers.ts';
import { unchangedOf } from './unchanged.ts';
import { orderForUpload, refId, referencesIn, type UploadItem } from './upload-order.ts';
import { contentsToSend, type ContentToSend } from './contents-to-send.ts';
import { uploadStepOf, withProgress } from './progress.ts';
import { afterPart, nextSelected } from './upload-selected.ts';
import { encodeChange, encodeCommand } from './wire-change.ts';

const changesInBatch = 1000;
/** Without idempotency: what a worker that is stopped leaves open is for the user to decide. */
const attemptsInBatch = 6;
const charactersInBatch = 2_000_000;

export interface PlanContext {
  readonly base: Base;
  readonly schema: Schema;
  readonly backend: BackendConnection;
  readonly device: string;
}

export type Plan =
  | {
      readonly type: 'batch';
      readonly content: BatchContentRow;
      readonly journal: JournalRow;
      readonly items: readonly UploadItem[];
    }
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

async function nextRows(tx: WriteTransaction, journal: JournalRow, limit: number): Promise<Stretch> {
  const { uploadedThrough, throughSeq, resend } = journal;
  if (resend.length > 0) {
    const [rows, commands] = await Promise.all([
      Promise.all(resend.map((seq) => tx.objectStore('changes').index('seq').get(seq))),
      Promise.all(resend.map((seq) => tx.objectStore('commands').get(seq))),
    ]);
    return {
      rows: rows.filter((row) => row !== undefined),
      commands: commands.filter((row) => row !== undefined),
      through: uploadedThrough,
    };
  }
  if (uploadedThrough >= throughSeq) return { rows: [], commands: [], through: throughSeq };
  const range = IDBKeyRange.bound(uploadedThrough, throughSeq, true, false);
  const [rows, commands] = await Promise.all([
    rowsMadeIn(tx, range, limit),
    tx.objectStore('commands').getAll(range, limit),
  ]);
  // What lies behind a full page is for the next one.
  const rowsEnd = rows.length === limit ? (rows.at(-1)?.seq ?? throughSeq) : throughSeq;
  const commandsEnd = commands.length === limit ? (commands.at(-1)?.seq ?? throughSeq) : throughSeq;
  const through = Math.min(rowsEnd, commandsEnd);
  return {
    rows: rows.filter((row) => row.seq <= through),
    commands: commands.filter((command) => command.seq <= through),
    through,
  };
}

/** Nothing is left of what the run was opened for. */
export function isAllLookedAt({ selection, uploadedThrough, throughSeq, resend }: JournalRow): boolean {
  return selection === undefined && uploadedThrough >= throughSeq && resend.length === 0;
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
  readonly #leavers: Leavers;
  readonly #leaving = new Set<number>();
  readonly items: UploadItem[] = [];

  constructor(tx: WriteTransaction, context: PlanContext, journal: JournalRow) {
    this.#tx = tx;
    this.#context = context;
    this.#journal = journal;
    this.#leavers = new Leavers(tx, context.schema);
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
    // It goes with all of its group, or not at all (N-7).
    if (parent.group !== undefined) return ref;
    const blocker = await this.#waitsFor(table, parent, trail);
    if (blocker !== null) return blocker;
    this.#choose({ type: 'change', row: parent, table });
    return null;
  }

  /**
   * Finds out at once which of the records that the rows refer to have no change, so that nothing waits for them: asked for one
   * after the other, they would take longer than the upload.
   */
  async lookUpParents(rows: readonly ChangeRow[]): Promise<void> {
    const wanted = new Map<string, RecordRef>();
    for (const row of rows) {
      const table = this.#context.schema.tables.get(row.table);
      if (table !== undefined) for (const ref of referencesIn(table, row.text)) wanted.set(refId(ref), ref);
    }
    for (const row of rows) wanted.delete(refId(row));
    for (const id of await unchangedOf(this.#tx, wanted)) this.#verdicts.set(id, null);
  }

  #choose(item: UploadItem): void {
    if (item.type === 'change') this.#chosen.set(refId(item.row), item);
    this.items.push(item);
  }

  /** What a command names must be there before it, as far as it can be (U-12); null: the command need not wait. */
  async #commandWaitsFor(row: CommandRow): Promise<RecordRef | null> {
    for (const ref of row.names) {
      if (this.holds(ref)) continue;
      const [first] = await rowsOf(this.#tx, ref.table, ref.key);
      const table = this.#context.schema.tables.get(ref.table);
      if (first === undefined || table === undefined) continue;
      if (first.operation === 'create') {
        const blocker = await this.#bringParent(ref, [refId(ref)]);
        if (blocker !== null) return blocker;
      } else if (first.seq < row.seq && !(await this.#isSendable(table, first))) return ref;
    }
    return null;
  }

  async addCommand(row: CommandRow): Promise<RecordRef | null> {
    if (row.state !== 'pending' && row.state !== 'blocked') return null;
    const blocker = await this.#commandWaitsFor(row);
    if (blocker === null) this.#choose({ type: 'command', row });
    else await this.#tx.objectStore('commands').put(withCommandState(row, 'blocked', waitingFor(blocker)));
    return blocker;
  }

  /** A row over another that is not settled waits, wherever that one is (invariant 3). */
  async #isFirst(row: ChangeRow): Promise<boolean> {
    if (row.base === null || row.base.version !== null) return true;
    const [first] = await rowsOf(this.#tx, row.table, row.key);
    return first?.seq === row.seq;
  }

  /** What takes a reference to the record away goes before its delete. False: such a change can only go in a later batch. */
  async #bringLeavers(row: ChangeRow): Promise<boolean> {
    const isReferredTo = [...this.#context.schema.tables.values()].some((table) =>
      table.references.some((reference) => reference.table === row.table),
    );
    // Records that refer to each other, or to themselves, are met again here.
    if (!isReferredTo || this.#leaving.has(row.seq)) return true;
    this.#leaving.add(row.seq);
    for (const leaver of await this.#leavers.of(row)) {
      const chosen = this.#chosen.get(refId(leaver));
      if (chosen?.row.seq === leaver.seq) continue;
      const [first] = await rowsOf(this.#tx, leaver.table, leaver.key);
      if (first?.seq === leaver.seq) await this.addChange(leaver);
      else if (chosen !== undefined) return false;
    }
    return true;
  }

  /** False: the change must wait for the batch after this one. */
  async addChange(row: ChangeRow): Promise<boolean> {
    const table = this.#context.schema.tables.get(row.table);
    if (table === undefined || this.holds(row) || !(await this.#isSendable(table, row))) return true;
    if (!(await this.#isFirst(row))) return true;
    if (row.operation === 'delete' && !(await this.#bringLeavers(row))) return false;
    const blocker = await this.#waitsFor(table, row, [refId(row)]);
    if (blocker === null) this.#choose({ type: 'change', row, table });
    else await this.#tx.objectStore('changes').put(withState(row, 'blocked', waitingFor(blocker)));
    return true;
  }

  /**
   * Chooses a whole group, or nothing of it: then what it waits for is named. It makes a batch of its own; false: new
   * records that it refers to make one before it.
   */
  async addGroup(members: readonly (ChangeRow | CommandRow)[]): Promise<boolean> {
    const blocker = await this.#groupWaitsFor(members);
    if (this.items.length > 0) return false;
    for (const row of members) {
      if (blocker === null) {
        const table = 'method' in row ? undefined : this.#context.schema.tables.get(row.table);
        if ('method' in row) this.#choose({ type: 'command', row });
        else if (table !== undefined) this.#choose({ type: 'change', row, table });
      } else if (row.state === 'pending' || row.state === 'blocked') {
        if ('method' in row) {
          await this.#tx.objectStore('commands').put(withCommandState(row, 'blocked', waitingFor(blocker)));
        } else await this.#tx.objectStore('changes').put(withState(row, 'blocked', waitingFor(blocker)));
      }
    }
    return true;
  }

  async #groupWaitsFor(members: readonly (ChangeRow | CommandRow)[]): Promise<RecordRef | null> {
    const own = members.map((row) => ('method' in row ? '' : refId(row)));
    for (const row of members) {
      const isOpen = row.state === 'pending' || row.state === 'blocked';
      if ('method' in row) {
        if (!isOpen) return { table: '', key: row.mutationId };
        const named = { ...row, names: row.names.filter((ref) => !own.includes(refId(ref))) };
        const blocker = await this.#commandWaitsFor(named);
        if (blocker !== null) return blocker;
        continue;
      }
      const table = this.#context.schema.tables.get(row.table);
      if (!isOpen || table === undefined || !(await this.#isSendable(table, row)) || !(await this.#isFirst(row))) {
        return { table: row.table, key: row.key };
      }
      const blocker = await this.#waitsFor(table, row, own);
      if (blocker !== null) return blocker;
    }
    return null;
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
  const next = await nextRows(tx, journal, context.backend.idempotent ? changesInBatch : attemptsInBatch);
  if (next.rows.length > 0 || next.commands.length > 0) return planFrom(tx, context, journal, next);
  if (isAllLookedAt(journal)) return { type: 'done' };
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
  await selection.lookUpParents(rows);
  let reached = journal.uploadedThrough;
  let characters = 0;
  const visited = new Set<number>();
  for (const row of waiting) {
    if (row.group !== undefined) {
      if (selection.items.length > 0 || !(await selection.addGroup(await readGroup(tx, row.group)))) break;
      visited.add(row.seq);
      reached = Math.max(reached, row.seq);
      if (selection.items.length > 0) break;
      continue;
    }
    if ('method' in row) await selection.addCommand(row);
    else {
      // A second row of a record waits until the first is settled (invariant 3).
      if (selection.holds(row) && !selection.items.some((item) => item.row.seq === row.seq)) break;
      if (!(await selection.addChange(row))) break;
      characters += row.text?.length ?? 0;
    }
    visited.add(row.seq);
    reached = Math.max(reached, row.seq);
    if (characters > charactersInBatch) break;
  }
  const complete = waiting.at(-1)?.seq === reached;
  const uploadedThrough = journal.resend.length > 0 ? journal.uploadedThrough : complete ? through : reached;
  // A part of a selection is looked at until nothing of it can be sent.
  const isSelected = journal.selection !== undefined;
  const resend = journal.resend.length === 0 ? [] : waiting.map((row) => row.seq).filter((seq) => !visited.has(seq));
  const next: JournalRow = { ...journal, ...(isSelected ? {} : { uploadedThrough }), resend };
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
  const group = items.find((item) => item.row.group !== undefined)?.row.group?.id;
  const content: BatchContentRow = {
    batch: await takeNumbers(tx, 'number', 1),
    run: journal.run,
    items: items.map(describe),
    body: context.backend.encodeUpload({
      device: context.device,
      run: journal.run,
      onConflict,
      ...(group === undefined ? {} : { group }),
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
  return { type: 'batch', content, journal: sending, items };
}
