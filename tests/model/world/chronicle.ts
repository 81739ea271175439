import { type JsonObject, isJsonObject } from '../../../sw/protocol/record.ts';
import {
  phantoms,
  type AnsweredRead,
  type AnsweredWrite,
  type Evidence,
  type Violation,
} from '../../support/oracle.ts';
import { Drafts } from './drafts.ts';

/** What the pages of a world wrote, read and threw away, in the order of one clock. */
export class Chronicle {
  readonly writes: AnsweredWrite[] = [];
  readonly reads: AnsweredRead[] = [];
  readonly violations: Violation[] = [];
  readonly drafts = new Drafts();
  readonly #authors = new Map<string, string>();
  readonly #excused = new Set<string>();
  /** Records of which a user threw a failed deletion away. */
  readonly #discarded = new Set<string>();
  readonly #resent = new Set<string>();
  /** When a device has last lost its storage: nothing is claimed of what was written there before. */
  readonly #lostAt = new Map<string, number>();
  #values = 0;
  #steps = 0;

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
    if (write.startedAt <= (this.#lostAt.get(write.device) ?? -1)) this.#giveUp(write);
  }

  /** Whether a page of any device was answered that it wrote the record since. */
  hasWritten({ table, key }: Pick<AnsweredWrite, 'table' | 'key'>, since: number): boolean {
    return this.writes.some((write) => write.table === table && write.key === key && write.endedAt >= since);
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

  #giveUp(write: AnsweredWrite): void {
    if (write.fields === null) this.discardDeletion(write);
    else this.excuse(write.fields);
  }

  complain(oracle: Violation['oracle'], message: string): void {
    this.violations.push({ oracle, message });
  }

  learn(read: AnsweredRead): void {
    this.reads.push(read);
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

  excuseWrites(device: string, table: string): void {
    this.#resent.add(table);
    for (const write of this.writes) {
      if (write.device === device && write.table === table) this.excuse(write.fields);
    }
  }

  discardDeletion(where: Pick<AnsweredWrite, 'device' | 'table' | 'key'>): void {
    this.#discarded.add(idOf(where));
  }

  readonly authorOf = (value: string): string | undefined => this.#authors.get(value);
  readonly isExcused: Evidence['isExcused'] = (value) => value === '' || this.#excused.has(value);
  readonly isResent = (table: string): boolean => this.#resent.has(table);
  readonly isDiscarded: Evidence['isDiscarded'] = (deletion) => this.#discarded.has(idOf(deletion));
}

function idOf({ device, table, key }: Pick<AnsweredWrite, 'device' | 'table' | 'key'>): string {
  return `${device} ${table} ${key}`;
}
