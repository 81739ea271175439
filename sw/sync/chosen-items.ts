import { answeredBlocker, waitingAsAnswered, waitingFor, type RecordRef } from '../store/blocked.ts';
import { withCommandState, withState } from '../store/changes.ts';
import type { ChangeRow, CommandRow } from '../store/format.ts';
import { neededBy, refId, type UploadItem } from './upload-order.ts';

/** Rows as they are to be stored: they wait for another record. */
export interface WaitingRows {
  readonly changes: ChangeRow[];
  readonly commands: CommandRow[];
}

/** What is chosen for a batch, and what was found to wait. A row is never both. */
export class ChosenItems {
  readonly #byRecord = new Map<string, ChangeRow>();
  /** The records that chosen commands name. */
  readonly #named = new Set<string>();
  readonly items: UploadItem[] = [];
  readonly waiting: WaitingRows = { changes: [], commands: [] };
  /** Of the chosen records' texts and the commands' bodies. */
  characters = 0;

  /** Whether a row of the record is chosen. */
  holds(ref: RecordRef): boolean {
    return this.#byRecord.has(refId(ref));
  }

  /** Whether what is chosen decides, by its outcome, when the row may be sent (SPEC N-6b). */
  decidesOn(row: ChangeRow | CommandRow): boolean {
    const isDecided = (ref: RecordRef): boolean => {
      const change = this.#byRecord.get(refId(ref));
      return this.#named.has(refId(ref)) || (change !== undefined && change.operation !== 'create');
    };
    if ('method' in row) return row.names.some(isDecided);
    return row.operation !== 'create' && this.#named.has(refId(row));
  }

  has(row: ChangeRow | CommandRow): boolean {
    if ('method' in row) return this.items.some((item) => item.type === 'command' && item.row.seq === row.seq);
    return this.#byRecord.get(refId(row))?.seq === row.seq;
  }

  add(item: UploadItem): void {
    if (item.type === 'change') {
      // A record that refers to itself, or to one that refers to it, was met on the way and chosen there.
      if (this.holds(item.row)) return;
      this.#byRecord.set(refId(item.row), item.row);
      this.characters += item.row.text?.length ?? 0;
    } else {
      this.characters += JSON.stringify(item.row.body).length;
      for (const ref of item.row.names) this.#named.add(refId(ref));
    }
    this.#waitNot(item.row);
    this.items.push(item);
  }

  /** The changes that refer, one to the next, to one of the records. */
  leaningOn(records: Iterable<string>): readonly ChangeRow[] {
    const ids = new Set(records);
    return this.items.flatMap((item) => {
      if (item.type !== 'change' || !neededBy(item.table, item.row).some((ref) => ids.has(refId(ref)))) return [];
      ids.add(refId(item.row));
      return [item.row];
    });
  }

  drop(row: ChangeRow): void {
    if (!this.has(row)) return;
    this.#byRecord.delete(refId(row));
    this.characters -= row.text?.length ?? 0;
    this.items.splice(
      this.items.findIndex((item) => item.row.seq === row.seq),
      1,
    );
  }

  #waitNot({ seq }: ChangeRow | CommandRow): void {
    for (const rows of [this.waiting.changes, this.waiting.commands]) {
      const place = rows.findIndex((row) => row.seq === seq);
      if (place >= 0) rows.splice(place, 1);
    }
  }

  wait(row: ChangeRow | CommandRow, blocker: RecordRef): void {
    this.#waitNot(row);
    const isAnswered = answeredBlocker(row).some((ref) => refId(ref) === refId(blocker));
    const reason = isAnswered ? waitingAsAnswered(blocker) : waitingFor(blocker);
    if ('method' in row) this.waiting.commands.push(withCommandState(row, 'blocked', reason));
    else this.waiting.changes.push(withState(row, 'blocked', reason));
  }

  /** What the row was found to wait for; null: it was not. */
  blockerOf(row: ChangeRow | CommandRow): RecordRef | null {
    const { changes, commands } = this.waiting;
    const waiting: readonly (ChangeRow | CommandRow)[] = 'method' in row ? commands : changes;
    return waiting.find(({ seq }) => seq === row.seq)?.reason?.references ?? null;
  }
}
