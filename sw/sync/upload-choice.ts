import type { Base } from '../store/base.ts';
import { answeredBlocker, type RecordRef } from '../store/blocked.ts';
import { rowsOf } from '../store/changes.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow, GroupRef } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { readGroup } from '../store/groups.ts';
import { readMarks } from '../store/marks.ts';
import { isSendable, isUploaded, type Schema, type Table } from '../store/schema.ts';
import type { RecordKey } from '../protocol/record.ts';
import { ChosenItems } from './chosen-items.ts';
import { CommandsBefore } from './commands-before.ts';
import { hasTurn } from './put-off.ts';
import { unchangedOf } from './unchanged.ts';
import { Leavers } from './upload-leavers.ts';
import { commandId, isReferredTo, neededBy, refId } from './upload-order.ts';

interface ChoiceContext {
  readonly base: Base;
  readonly schema: Schema;
  /** Records whose changes are on their way, and commands: taken for sent, and for taken by the server (SPEC P-2). */
  readonly underWay: ReadonlySet<string>;
}

/** Chooses what goes into a batch. Writes nothing: what is found to wait is left in `chosen`, for who stores the batch. */
export class Choice {
  readonly #tx: AnyTransaction;
  readonly #context: ChoiceContext;
  readonly #journal: JournalRow;
  readonly chosen: ChosenItems = new ChosenItems();
  readonly #verdicts = new Map<string, RecordRef | null>();
  /** The held keys of each table: read once, since a request for each row would take longer than the upload. */
  readonly #held = new Map<string, ReadonlySet<RecordKey>>();
  readonly #leavers: Leavers;
  /** What the deletes that were looked at wait for; null: nothing, or it is not known yet. */
  readonly #leaving = new Map<number, RecordRef | 'next batch' | null>();
  readonly #commandsBefore: CommandsBefore;
  /** Something was passed over that has its turn behind all else. */
  hasPutOff = false;

  constructor(tx: AnyTransaction, context: ChoiceContext, journal: JournalRow) {
    this.#tx = tx;
    this.#context = context;
    this.#journal = journal;
    this.#leavers = new Leavers(tx, context.schema);
    this.#commandsBefore = new CommandsBefore(tx);
  }

  /** Whether another row of the record is in the batch already. */
  holds(row: ChangeRow): boolean {
    return this.chosen.holds(row) && !this.chosen.has(row);
  }

  /** What is selected is sent whatever the scope of its table. */
  #isOfRun(table: Table): boolean {
    return this.#journal.selection === undefined ? isUploaded(table) : isSendable(table);
  }

  /** What the server could not take is sent once in a run, and in the next one behind all else: it must not keep that back (SPEC R-15). */
  #isPutOff({ triedIn }: ChangeRow | CommandRow): boolean {
    const { run, putOff, selection } = this.#journal;
    if (triedIn === undefined || triedIn === run) return triedIn === run;
    this.hasPutOff ||= putOff === undefined;
    return !hasTurn(putOff) && selection === undefined;
  }

  async #isSendable(table: Table, row: ChangeRow): Promise<boolean> {
    if ((row.state !== 'pending' && row.state !== 'blocked') || this.#isPutOff(row)) return false;
    // Of an older schema: a page wrote its record while it was to be migrated, which is done in the next run.
    if (row.schema < this.#context.schema.version || !this.#isOfRun(table)) return false;
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
    for (const ref of neededBy(table, row)) {
      const id = refId(ref);
      if (this.chosen.holds(ref) || trail.includes(id) || this.#context.underWay.has(id)) continue;
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
    if (table !== undefined && !isSendable(table)) return null;
    if (table === undefined || !(await this.#isSendable(table, parent))) return ref;
    // Then the child goes alone, and the server says what it lacks.
    if (this.#journal.selection?.includeParents === false) return null;
    // It goes with all of its group, or not at all (N-7). A group over what refers to it would wait for that: so the server says
    // what is lacking, and what is left goes on as a member.
    if (parent.group !== undefined) {
      const members = await readGroup(this.#tx, parent.group);
      return members.some((member) => 'table' in member && trail.slice(0, -1).includes(refId(member))) ? null : ref;
    }
    const blocker = await this.#waitsFor(table, parent, trail);
    if (blocker !== null) return blocker;
    this.chosen.add({ type: 'change', row: parent, table });
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
      if (table !== undefined) for (const ref of neededBy(table, row)) wanted.set(refId(ref), ref);
    }
    for (const row of rows) wanted.delete(refId(row));
    for (const id of await unchangedOf(this.#tx, wanted)) this.#verdicts.set(id, null);
  }

  /**
   * What a command names must be there before it, and what was made on it before, as far as it can be (U-12); null: the command
   * need not wait. `'next batch'`: another change of such a record goes before it.
   */
  async #commandWaitsFor(row: CommandRow): Promise<RecordRef | 'next batch' | null> {
    for (const ref of [...row.names, ...answeredBlocker(row)]) {
      const rows = await rowsOf(this.#tx, ref.table, ref.key);
      const [first] = rows;
      const table = this.#context.schema.tables.get(ref.table);
      if (first === undefined || table === undefined || !isSendable(table)) continue;
      if (first.operation === 'create' && !this.chosen.holds(ref)) {
        const blocker = await this.#bringParent(ref, [refId(ref)]);
        if (blocker !== null) return blocker;
      }
      for (const change of rows.filter(({ seq }) => seq < row.seq)) {
        const blocker = await this.#goesBefore(row, change, table);
        if (blocker !== null) return blocker;
        if (!this.chosen.has(change)) break;
      }
    }
    return null;
  }

  /**
   * Brings a change that was made before the command on a record that it names. Null: it is chosen, or waits for what was made
   * after the command, which then waits for none of it.
   */
  async #goesBefore(command: CommandRow, change: ChangeRow, table: Table): Promise<RecordRef | 'next batch' | null> {
    if (this.chosen.has(change)) return null;
    if (this.chosen.holds(change)) return 'next batch';
    const ref: RecordRef = { table: change.table, key: change.key };
    // Whoever selected records without their parents asked for the server's word.
    const isAlone = this.#journal.selection?.includeParents === false;
    if (isAlone && change.operation === 'create') return null;
    if (isAlone || change.group !== undefined || !(await this.#isSendable(table, change))) return ref;
    if (this.chosen.blockerOf(change) === null && !(await this.addChange(change))) return 'next batch';
    if (this.chosen.has(change)) return null;
    const blocker = this.chosen.blockerOf(change);
    const [made] = blocker === null ? [] : await rowsOf(this.#tx, blocker.table, blocker.key);
    return made !== undefined && made.seq > command.seq ? null : ref;
  }

  /**
   * For what the row waits since a command that was made before it, and names its record or one of its records, is not sent
   * (N-6a). `'not now'`: that command is yet to be looked at.
   */
  async #waitsForCommand(row: ChangeRow | CommandRow): Promise<RecordRef | 'not now' | null> {
    const command = await this.#commandsBefore.firstOf(row, (earlier) => {
      const isOfGroup = row.group !== undefined && row.group.id === earlier.group?.id;
      return isOfGroup || this.chosen.has(earlier) || this.#context.underWay.has(commandId(earlier.mutationId));
    });
    if (command === null) return null;
    if (this.#isPutOff(command)) return 'not now';
    const { selection, uploadedThrough, resend } = this.#journal;
    const blocker = this.chosen.blockerOf(command);
    // A selection has the commands that name its records; others of these commands' records are none of it.
    if (blocker !== null || selection !== undefined) return blocker;
    // Of an earlier batch of the run: as it is stored.
    const isLookedAt = command.seq <= uploadedThrough && !resend.includes(command.seq);
    return (isLookedAt ? command.reason?.references : null) ?? 'not now';
  }

  /** False: the command must wait for the batch after this one. */
  async addCommand(row: CommandRow): Promise<boolean> {
    if ((row.state !== 'pending' && row.state !== 'blocked') || this.#isPutOff(row)) return true;
    const blocker = (await this.#waitsForCommand(row)) ?? (await this.#commandWaitsFor(row));
    if (blocker === 'next batch' || (blocker === null && this.chosen.decidesOn(row))) return false;
    if (blocker === null) this.chosen.add({ type: 'command', row });
    else if (blocker !== 'not now') this.chosen.wait(row, blocker);
    return true;
  }

  /** A row over another that is not settled waits, wherever that one is (invariant 3). */
  async #isFirst(row: ChangeRow): Promise<boolean> {
    if (row.anew !== true && (row.base === null || row.base.version !== null)) return true;
    const [first] = await rowsOf(this.#tx, row.table, row.key);
    return first?.seq === row.seq;
  }

  /**
   * What takes a reference to the record away goes before its delete, which waits for it. `'next batch'`: such a change can only go
   * in a later one.
   */
  async #bringLeavers(row: ChangeRow): Promise<RecordRef | 'next batch' | null> {
    if (!isReferredTo(this.#context.schema, row.table)) return null;
    const known = this.#leaving.get(row.seq);
    if (known !== undefined) return known;
    // Records that refer to each other, or to themselves, are met again here.
    this.#leaving.set(row.seq, null);
    const leaver = await this.#findLeaver(row);
    this.#leaving.set(row.seq, leaver);
    return leaver;
  }

  async #findLeaver(row: ChangeRow): Promise<RecordRef | 'next batch' | null> {
    for (const leaver of await this.#leavers.of(row)) {
      const table = this.#context.schema.tables.get(leaver.table);
      if (this.chosen.has(leaver) || table === undefined || !this.#isOfRun(table)) continue;
      if (this.chosen.holds(leaver)) return 'next batch';
      if (leaver.group !== undefined && (await this.#isOver(leaver.group, row))) continue;
      // It goes with all of its group, or not at all (N-7).
      const isNotNow = leaver.group !== undefined || (await this.#waitsForCommand(leaver)) === 'not now';
      if (!isNotNow && !(await this.addChange(leaver))) return 'next batch';
      if (!this.chosen.has(leaver)) return { table: leaver.table, key: leaver.key };
    }
    return null;
  }

  /** Whether a group has what waits for the record. */
  async #isOver(group: GroupRef, { table, key }: RecordRef): Promise<boolean> {
    const records = (await readGroup(this.#tx, group)).flatMap((row) => ('method' in row ? row.names : [row]));
    return records.some((record) => record.table === table && record.key === key);
  }

  /** False: the change must wait for the batch after this one. */
  async addChange(row: ChangeRow): Promise<boolean> {
    const table = this.#context.schema.tables.get(row.table);
    if (table === undefined || this.chosen.holds(row) || !(await this.#isSendable(table, row))) return true;
    if (!(await this.#isFirst(row))) return true;
    let blocker = await this.#waitsForCommand(row);
    if (blocker === 'not now') return true;
    if (blocker === null && row.operation === 'delete') {
      const leaver = await this.#bringLeavers(row);
      if (leaver === 'next batch') return false;
      blocker = leaver;
    }
    blocker ??= await this.#waitsFor(table, row, [refId(row)]);
    if (blocker === null && this.chosen.decidesOn(row)) return false;
    if (blocker === null) this.chosen.add({ type: 'change', row, table });
    else this.chosen.wait(row, blocker);
    return true;
  }

  /**
   * Chooses a whole group, or nothing of it: then what it waits for is named. It makes a batch of its own; false: what goes before
   * it makes one.
   */
  async addGroup(members: readonly (ChangeRow | CommandRow)[]): Promise<boolean> {
    const blocker = await this.#groupWaitsFor(members);
    if (blocker === 'not now') return true;
    // What refers to one of it, and is referred to by another, can only go with it.
    const leaning = this.chosen.leaningOn(members.map((row) => ('method' in row ? '' : refId(row))));
    const isAlone = this.chosen.items.length === leaning.length;
    const isLeft = isAlone ? blocker !== null && blocker !== 'next batch' : true;
    for (const row of isLeft ? leaning : []) {
      this.chosen.drop(row);
      this.#verdicts.delete(refId(row));
    }
    if (blocker === 'next batch' || !isAlone) return false;
    for (const row of members) {
      if (blocker === null) {
        const table = 'method' in row ? undefined : this.#context.schema.tables.get(row.table);
        if ('method' in row) this.chosen.add({ type: 'command', row });
        else if (table !== undefined) this.chosen.add({ type: 'change', row, table });
      } else if (row.state === 'pending' || row.state === 'blocked') this.chosen.wait(row, blocker);
    }
    return true;
  }

  async #groupWaitsFor(
    members: readonly (ChangeRow | CommandRow)[],
  ): Promise<RecordRef | 'not now' | 'next batch' | null> {
    const own = members.map((row) => ('method' in row ? '' : refId(row)));
    if (members.some((row) => this.#isPutOff(row))) return 'not now';
    for (const row of members) {
      const isOpen = row.state === 'pending' || row.state === 'blocked';
      const command = isOpen ? await this.#waitsForCommand(row) : null;
      if (command !== null) return command;
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
