import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import type { Effect } from '../../support/reference/ledger.ts';
import type { NameOf } from './chronicle.ts';
import type { AnsweredRead, AnsweredWrite, Evidence, Violation } from '../../support/oracle.ts';

/** One user's record on one device. */
export interface DraftPlace {
  readonly device: string;
  readonly user: string;
  readonly table: string;
  readonly key: RecordKey;
}

type Named = Pick<DraftPlace, 'table' | 'key'>;

interface Happened {
  readonly place: DraftPlace;
  readonly startedAt: number;
  /** Infinite: its page never heard of it. */
  readonly endedAt: number;
}

interface DraftWrite extends Happened {
  readonly values: Readonly<Record<string, string>>;
}

/** What pages drafted, committed and gave up (SPEC section 8). */
export class Drafts {
  readonly #writes: DraftWrite[] = [];
  /** Also those that were refused: that is known too late. */
  readonly #commits: Happened[] = [];
  readonly #discards: Happened[] = [];
  readonly #nameOf: NameOf;
  readonly #lost: { readonly device: string; readonly user: string | null; readonly at: number }[] = [];

  constructor(nameOf: NameOf) {
    this.#nameOf = nameOf;
  }

  #isSame(a: Named, b: Named): boolean {
    return a.table === b.table && this.#nameOf(a.table, a.key) === this.#nameOf(b.table, b.key);
  }

  #isAt(a: DraftPlace, b: DraftPlace): boolean {
    return a.device === b.device && a.user === b.user && this.#isSame(a, b);
  }

  #isReplaced(draft: DraftWrite, by: readonly Happened[]): boolean {
    return by.some(
      (other) => other !== draft && this.#isAt(other.place, draft.place) && other.endedAt > draft.startedAt,
    );
  }

  wrote(write: DraftWrite): void {
    this.#writes.push(write);
  }

  /** From then on the draft may be a change. */
  commits(place: DraftPlace, startedAt: number): void {
    this.#commits.push({ place, startedAt, endedAt: Number.POSITIVE_INFINITY });
  }

  discarded(discard: Happened): void {
    this.#discards.push(discard);
  }

  /** All drafts of the device, or of one of its users, are gone. */
  lose(device: string, user: string | null, at: number): void {
    this.#lost.push({ device, user, at });
  }

  /** What a commit made of the record, as far as it was drafted; a field that is not there any more may have been taken away. */
  committed(place: DraftPlace, record: JsonObject, fields: readonly string[]): Readonly<Record<string, string>> {
    const drafted = this.#writes.filter((write) => this.#isAt(write.place, place));
    const set = fields.flatMap((field): [string, string][] => {
      const value = record[field];
      if (typeof value !== 'string') return [[field, '']];
      return drafted.some((write) => write.values[field] === value) ? [[field, value]] : [];
    });
    return Object.fromEntries(set);
  }

  #mayBeCommitted({ place }: DraftWrite): boolean {
    return this.#commits.some((commit) => this.#isAt(commit.place, place));
  }

  /** E-1: a draft that nobody committed is no record. */
  shown(read: AnsweredRead): Violation[] {
    return this.#leaked(read.record, ({ place }) => this.#isSame(place, read)).map((value) => ({
      oracle: 'O5',
      message: `${read.table} ${read.key} on ${read.device}: ${value} was shown, which is a draft`,
    }));
  }

  #leaked(record: JsonObject | null, isMeant: (write: DraftWrite) => boolean): string[] {
    const open = this.#writes.filter((write) => isMeant(write) && !this.#mayBeCommitted(write));
    const values = new Set(Object.values(record ?? {}));
    return open.flatMap((write) => Object.values(write.values)).filter((value) => values.has(value));
  }

  #sent(effect: Effect): Violation[] {
    const isMeant = ({ place }: DraftWrite): boolean => this.#isSame(place, effect);
    return this.#leaked(effect.after, isMeant).map((value) => ({
      oracle: 'O5',
      message: `${effect.table} ${effect.key}: ${value} was sent, which is a draft`,
    }));
  }

  #isClaimed(draft: DraftWrite): boolean {
    const { place, startedAt } = draft;
    const isGone = this.#lost.some(
      ({ device, user, at }) => device === place.device && (user === null || user === place.user) && at >= startedAt,
    );
    return (
      draft.endedAt < Number.POSITIVE_INFINITY &&
      !isGone &&
      !this.#isReplaced(draft, [...this.#writes, ...this.#discards])
    );
  }

  /** A draft that was committed, or may have been, is where it went, if nothing was written over it since. */
  #isElsewhere(draft: DraftWrite, value: string, evidence: Evidence): boolean {
    const { place } = draft;
    const commits = this.#commits.filter((commit) => this.#isAt(commit.place, place));
    const from = Math.min(...commits.map((commit) => commit.startedAt));
    if (commits.length === 0) return false;
    const isOver = (write: AnsweredWrite): boolean =>
      this.#isAt(write, place) &&
      write.endedAt > from &&
      !commits.some(({ startedAt }) => startedAt === write.startedAt);
    if (evidence.writes.some(isOver) || evidence.isExcused(value)) return true;
    const state = evidence.devices.find(({ device, user }) => device === place.device && user === place.user);
    const isKept = [...(state?.unsent ?? []), ...(state?.failures ?? [])].some(({ text }) =>
      text.includes(JSON.stringify(value)),
    );
    return isKept || evidence.effects.some(({ after }) => Object.values(after ?? {}).includes(value));
  }

  /** O1 of drafts, when all is quiet. */
  judge(evidence: Evidence): Violation[] {
    const violations = evidence.effects.flatMap((effect) => this.#sent(effect));
    for (const draft of this.#writes) {
      const { device, user, table, key } = draft.place;
      const state = evidence.devices.find((each) => each.device === device && each.user === user);
      if (state === undefined || !this.#isClaimed(draft)) continue;
      const here = state.drafts?.find((each) => this.#isSame(each, draft.place));
      // One that does not fit the app's new schema is a failure.
      const misfits = state.failures.filter(({ text }) => text.includes('"code":"schema"'));
      for (const [field, value] of Object.entries(draft.values)) {
        if ([here, ...misfits].some((each) => each?.text.includes(JSON.stringify(value)) === true)) continue;
        if (evidence.isExcused(value) || this.#isElsewhere(draft, value, evidence)) continue;
        const message = `the draft ${field} = ${value} of ${table} ${key} by ${user} on ${device} is lost`;
        violations.push({ oracle: 'O1', message });
      }
    }
    return violations;
  }
}
