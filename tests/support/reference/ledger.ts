import type { JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';

/** One thing that the server did: what a mutation made of a record, or a command that ran. */
export interface Effect {
  readonly mutationId: string;
  readonly user: string;
  /** As the network of the test says; empty: it does not, or the server itself. */
  readonly device: string;
  readonly type: 'create' | 'update' | 'delete' | 'command' | 'server';
  readonly table: string;
  readonly key: RecordKey;
  readonly before: JsonRecord | null;
  readonly after: JsonRecord | null;
  /** By the clock of the test's writes. @default it is not known */
  readonly at?: number;
}

/** The server's own word on what it did, in order. */
export class EffectLog {
  readonly #effects: Effect[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(effect: Effect): void {
    this.#effects.push({ ...effect, at: this.#now() });
  }

  /** Takes back all but the first effects. */
  keep(count: number): void {
    this.#effects.splice(count);
  }

  get all(): readonly Effect[] {
    return this.#effects;
  }

  /** The mutation ids that had more than one effect: there must be none. */
  get twice(): readonly string[] {
    const counts = new Map<string, number>();
    for (const { mutationId, type } of this.#effects) {
      if (type !== 'server') counts.set(mutationId, (counts.get(mutationId) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count > 1).map(([id]) => id);
  }

  of(table: string, key: RecordKey): readonly Effect[] {
    return this.#effects.filter((effect) => effect.table === table && effect.key === key);
  }
}
