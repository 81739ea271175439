import { type JsonObject, isJsonObject, type RecordKey } from '../../../sw/protocol/record.ts';
import {
  phantoms,
  type AnsweredRead,
  type AnsweredWrite,
  type Evidence,
  type Violation,
} from '../../support/oracle.ts';
import { withContentNamed } from '../../support/oracle-files.ts';
import { Drafts } from './drafts.ts';
import { Groups } from './groups.ts';

/** The key under which a record goes on the server. */
export type NameOf = (table: string, key: RecordKey) => RecordKey;

/** A reference as a page wrote it. */
export interface WrittenReference {
  readonly table: string;
  readonly key: RecordKey;
  readonly field: string;
  readonly to: RecordKey;
}

/** Records that were marked to be sent as they are (K-03). */
interface Mark {
  readonly device: string;
  readonly table: string;
  /** How many the server had had before. */
  readonly effects: number;
  /** When it was answered, if it was. */
  endedAt: number;
}

/** What was cleared with what was unsent: the records in which a field was set, but for those that are being sent. */
interface Cleared extends Pick<AnsweredWrite, 'device' | 'user' | 'table'> {
  readonly field: string;
  readonly refused: readonly RecordKey[];
}

/** Whether a clear can have taken what was written. */
function isUnder(
  { device, user, table, isCommand }: AnsweredWrite,
  where: Pick<AnsweredWrite, 'device' | 'user' | 'table'>,
): boolean {
  return device === where.device && user === where.user && table === where.table && isCommand !== true;
}

/** What the pages of a world wrote, read and threw away, in the order of one clock. */
export class Chronicle {
  readonly writes: AnsweredWrite[] = [];
  readonly reads: AnsweredRead[] = [];
  readonly violations: Violation[] = [];
  readonly drafts: Drafts;
  readonly groups: Groups;
  readonly #authors = new Map<string, string>();
  readonly #excused = new Set<string>();
  readonly #cleared: (Cleared & { readonly at: number })[] = [];
  /** Those of pages that were closed before they heard of them: they may happen at any time. */
  readonly #openClears: Pick<AnsweredWrite, 'device' | 'user' | 'table'>[] = [];
  /** Records of which a user threw a failed deletion away. */
  readonly #discarded: Pick<AnsweredWrite, 'device' | 'table' | 'key'>[] = [];
  readonly references: WrittenReference[] = [];
  /** What was written into files, by the hash of their contents. */
  readonly contents = new Map<string, string>();
  readonly #nameOf: NameOf;
  readonly #marks: Mark[] = [];
  /** When a device has last lost its storage: nothing is claimed of what was written there before. */
  readonly #lostAt = new Map<string, number>();
  #values = 0;
  #steps = 0;

  constructor(nameOf: NameOf) {
    this.#nameOf = nameOf;
    this.drafts = new Drafts(nameOf);
    this.groups = new Groups(nameOf);
  }

  tick(): number {
    this.#steps += 1;
    return this.#steps;
  }

  /** A value that nobody has written yet, and that tells who wrote it. */
  newValue(author: string): string {
    this.#values += 1;
    const value = `w${this.#values}`;
    this.#authors.set(value, author);
    return value;
  }

  wrote(write: AnsweredWrite): void {
    this.writes.push(write);
    const mayBeCleared = this.#openClears.some((clear) => isUnder(write, clear));
    if (mayBeCleared || write.startedAt <= (this.#lostAt.get(write.device) ?? -1)) this.#giveUp(write);
  }

  refers(reference: WrittenReference): void {
    this.references.push(reference);
  }

  #isSame(a: Pick<AnsweredWrite, 'table' | 'key'>, b: Pick<AnsweredWrite, 'table' | 'key'>): boolean {
    return a.table === b.table && this.#nameOf(a.table, a.key) === this.#nameOf(b.table, b.key);
  }

  /** Whether a page of any device was answered that it wrote the record since. */
  hasWritten(record: Pick<AnsweredWrite, 'table' | 'key'>, since: number): boolean {
    return this.writes.some((write) => this.#isSame(write, record) && write.endedAt >= since);
  }

  /** The device has lost what it had: what was not sent may be gone, which must be told. */
  loseDevice(device: string): void {
    const at = this.tick();
    this.#lostAt.set(device, at);
    this.drafts.lose(device, null, at);
    for (const write of this.writes) if (write.device === device) this.#giveUp(write);
  }

  /** The user threw away what was unsent on the device, up to now. */
  discardUnsent(device: string, user: string): void {
    this.drafts.lose(device, user, this.tick());
    for (const write of this.writes) if (write.device === device && write.user === user) this.#giveUp(write);
  }

  /** A page called for records of the table to be cleared with what is unsent of them, and was closed before it heard of it. */
  clearUnheard(where: Pick<AnsweredWrite, 'device' | 'user' | 'table'>): void {
    this.#openClears.push(where);
    this.clear(where, null);
  }

  /** The user cleared records of the table, with what was unsent of them; null: its page never heard of which. */
  clear(
    where: Pick<AnsweredWrite, 'device' | 'user' | 'table'>,
    cleared: Pick<Cleared, 'field' | 'refused'> | null,
  ): void {
    if (cleared !== null) this.#cleared.push({ ...where, ...cleared, at: this.tick() });
    for (const write of this.writes) if (isUnder(write, where)) this.#giveUp(write);
  }

  /** The user gave up what was unsent of all that was written together. */
  discardGroup(id: string): void {
    for (const { device, user, table, key } of this.groups.membersOf(id)) {
      const own = this.writes.filter((write) => write.device === device && write.user === user);
      for (const write of own) if (this.#isSame(write, { table, key })) this.#giveUp(write);
    }
  }

  #giveUp(write: AnsweredWrite): void {
    if (write.fields === null) this.discardDeletion(write);
    else this.excuse(write.fields);
  }

  complain(oracle: Violation['oracle'], message: string): void {
    this.violations.push({ oracle, message });
  }

  learn(given: AnsweredRead): void {
    const read = { ...given, record: given.record === null ? null : withContentNamed(given.record, this.contents) };
    this.reads.push(read);
    this.look(read);
  }

  /** Whether what was read may be there at all. */
  look(read: AnsweredRead): void {
    this.violations.push(
      ...phantoms(read, { authorOf: this.authorOf }, read.table === 'products'),
      ...this.drafts.shown(read),
    );
  }

  /** No claim is made of these values any more. */
  excuse(content: JsonObject | AnsweredWrite['fields']): void {
    for (const value of Object.values(content ?? {})) {
      if (typeof value === 'string') this.#excused.add(value);
      else if (isJsonObject(value)) this.excuse(value);
    }
  }

  /** The device marks records to be sent as it has them; gives what is to be called when it was answered. */
  marks(given: Omit<Mark, 'endedAt'>): () => void {
    const mark = { ...given, endedAt: Number.POSITIVE_INFINITY };
    this.#marks.push(mark);
    return () => {
      mark.endedAt = this.tick();
    };
  }

  discardDeletion(where: Pick<AnsweredWrite, 'device' | 'table' | 'key'>): void {
    this.#discarded.push(where);
  }

  readonly authorOf = (value: string): string | undefined => this.#authors.get(value);
  readonly isExcused: Evidence['isExcused'] = (value) => value === '' || this.#excused.has(value);
  readonly mayResend: NonNullable<Evidence['mayResend']> = ({ device, table }, index, since = 0) =>
    this.#marks.some(
      (mark) => mark.device === device && mark.table === table && index >= mark.effects && mark.endedAt > since,
    );
  readonly isDiscarded: Evidence['isDiscarded'] = (deletion) =>
    this.#discarded.some((each) => each.device === deletion.device && this.#isSame(each, deletion));
  readonly isCleared: NonNullable<Evidence['isCleared']> = (write, deletion) =>
    this.#cleared.some(
      ({ device, user, table, field, refused, at }) =>
        device === write.device &&
        user === write.user &&
        table === write.table &&
        Object.hasOwn(write.fields ?? {}, field) &&
        !refused.some((key) => this.#isSame({ table, key }, write)) &&
        at > write.endedAt &&
        at < deletion.endedAt,
    );
}
