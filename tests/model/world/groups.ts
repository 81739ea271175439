import type { RecordKey } from '../../../sw/protocol/record.ts';
import type { AnsweredWrite, Evidence, Violation } from '../../support/oracle.ts';
import type { NameOf } from './chronicle.ts';

/** A group that a page was answered for. */
interface StoredGroup {
  readonly id: string;
  readonly members: readonly AnsweredWrite[];
}

/** What pages wrote together: the server has all of it, or nothing. */
export class Groups {
  readonly #nameOf: NameOf;
  readonly #stored: StoredGroup[] = [];
  /** Of which the user sent what was left of them, by hand. */
  readonly #parted = new Set<string>();

  constructor(nameOf: NameOf) {
    this.#nameOf = nameOf;
  }

  stored(group: StoredGroup): void {
    this.#stored.push(group);
  }

  membersOf(id: string): readonly AnsweredWrite[] {
    return this.#stored.find((group) => group.id === id)?.members ?? [];
  }

  part(id: string): void {
    this.#parted.add(id);
  }

  judge({ effects, writes, isExcused }: Evidence): Violation[] {
    const violations: Violation[] = [];
    const nameOf = (table: string, key: RecordKey): string => `${table} ${this.#nameOf(table, key)}`;
    // An edit of what waits for the user's word is that word.
    const isEdited = (write: AnsweredWrite): boolean => {
      const name = nameOf(write.table, write.key);
      return writes.some(
        (each) =>
          each.startedAt !== write.startedAt &&
          each.device === write.device &&
          nameOf(each.table, each.key) === name &&
          each.endedAt > write.startedAt,
      );
    };
    /** Null: nothing can be said of it, since it was thrown away, or replaced by a later member. */
    const isApplied = (write: AnsweredWrite, index: number, members: readonly AnsweredWrite[]): boolean | null => {
      const name = nameOf(write.table, write.key);
      if (members.slice(index + 1).some(({ table, key }) => nameOf(table, key) === name)) return null;
      const values = Object.entries(write.fields ?? {}).filter(([, value]) => value !== '');
      if (values.length === 0 || values.some(([, value]) => isExcused(value))) return null;
      return values.every(([field, value]) => effects.some(({ after }) => after?.[field] === value));
    };
    for (const { id, members } of this.#stored) {
      if (this.#parted.has(id) || members.some(isEdited)) continue;
      const parts = members.map(isApplied);
      if (!parts.includes(true) || !parts.includes(false)) continue;
      const text = members
        .map((write, index) => `${nameOf(write.table, write.key)} ${String(parts[index])}`)
        .join(', ');
      violations.push({ oracle: 'O3', message: `half of a group was applied: ${text}` });
    }
    return violations;
  }
}
