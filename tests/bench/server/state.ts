import { keyOf, lineAt, makeItems, type Lines } from './records.ts';
import { makePlaces } from './places.ts';

/** What becomes of a request that carries changes: the server, its network, or somebody between them. */
export type RequestFault = 'applied-then-dropped' | 'fails' | 'login-page' | null;

/** What the server does to the n-th change of an upload, by the number in its record's `stock`. */
export type Fault = 'fails-once' | 'refused' | 'applied-then-dropped-once' | null;

export interface FeedEntry {
  readonly seq: number;
  readonly key: string;
  /** Null: the record was deleted. */
  readonly text: string | null;
}

const made = new Map<string, Lines>();

function linesOf(name: string, make: () => Lines): Lines {
  const known = made.get(name);
  if (known !== undefined) return known;
  // One at a time: a million records are a quarter of a gigabyte.
  made.clear();
  const lines = make();
  made.set(name, lines);
  return lines;
}

/** What the bench server holds: the same records for every subject, and what each subject made of them. */
export class BenchState {
  lines: Lines = makeItems(0);
  delayMs = 0;
  /** Of a download over the batch protocol. */
  bytesPerSecond = Infinity;
  /** While held, uploads and downloads are answered 503. */
  isHeld = false;
  /** The demo's server, which then answers the batch protocol; null: this server does. */
  demoUrl: string | null = null;
  faults: (index: number) => Fault = () => null;
  /** By how many requests with changes came before, refused ones included. */
  requestFaults: (before: number) => RequestFault = () => null;
  /** Requests with changes, refused ones included. */
  attempts = 0;
  /** How often a change took effect, by its record's key. */
  readonly effects = new Map<string, number>();
  /** Outcomes by mutation id. */
  readonly ledger = new Map<string, unknown>();
  /** The idempotency keys that were applied. */
  readonly answered = new Set<string>();
  /** Documents in which a replication keeps how far it came. */
  readonly checkpoints = new Map<string, Record<string, unknown>>();
  /** Requests that carried changes. */
  uploads = 0;
  /** Changes in them, repeats included. */
  received = 0;
  /** What the last full downloads sent, in records. */
  sent = 0;
  readonly #faulted = new Set<string>();
  readonly #changes: FeedEntry[] = [];

  loadItems(count: number): void {
    this.reset();
    this.lines = linesOf(`items ${count}`, () => makeItems(count));
  }

  loadPlaces(): void {
    this.reset();
    this.lines = linesOf('places', makePlaces);
  }

  reset(): void {
    this.isHeld = false;
    this.bytesPerSecond = Infinity;
    this.faults = () => null;
    this.requestFaults = () => null;
    this.attempts = 0;
    this.effects.clear();
    this.ledger.clear();
    this.answered.clear();
    this.checkpoints.clear();
    this.uploads = 0;
    this.received = 0;
    this.sent = 0;
    this.#faulted.clear();
    this.#changes.length = 0;
  }

  /** Other devices have changed and deleted records, spread over the second half of the table. */
  advance(changed: number, deleted: number): void {
    const { count } = this.lines;
    const total = changed + deleted;
    for (let index = 0; index < total; index += 1) {
      const at = Math.floor(count / 2 + ((index + 0.5) * count) / 2 / total);
      const record: unknown = JSON.parse(lineAt(this.lines, at));
      const isDeleted = index % Math.ceil(total / deleted) === 0;
      const text = isDeleted ? null : JSON.stringify({ ...Object(record), stock: 5000 + index });
      this.#changes.push({ seq: count + this.#changes.length, key: keyOf(at), text });
    }
  }

  /** Where the bench record with this key stands. */
  indexOf(key: string): number {
    return Number(key.slice(1));
  }

  /** How many records have a value from `low` to `high`. */
  countWhere(name: string, low: number | string, high: number | string): number {
    let count = 0;
    for (let index = 0; index < this.lines.count; index += 1) {
      const record: unknown = JSON.parse(lineAt(this.lines, index));
      const value: unknown = Reflect.get(Object(record), name);
      if ((typeof value === 'number' || typeof value === 'string') && value >= low && value <= high) count += 1;
    }
    return count;
  }

  get seq(): number {
    return this.lines.count + this.#changes.length;
  }

  get changes(): readonly FeedEntry[] {
    return this.#changes;
  }

  get removed(): number {
    return this.#changes.filter((change) => change.text === null).length;
  }

  /** The history as peers read it: the records in key order, then what happened since. */
  feed(after: number, limit: number): readonly FeedEntry[] {
    const entries: FeedEntry[] = [];
    for (let seq = after; seq < this.seq && entries.length < limit; seq += 1) {
      if (seq < this.lines.count) {
        const text = lineAt(this.lines, seq);
        entries.push({ seq, key: keyOf(seq), text });
      } else {
        const change = this.#changes[seq - this.lines.count];
        if (change !== undefined) entries.push(change);
      }
    }
    return entries;
  }

  /** The fault that this change meets now: a fault that strikes once is over at the second attempt. */
  faultOf(key: string, index: number): Fault {
    const fault = this.faults(index);
    if (fault === null || fault === 'refused') return fault;
    if (this.#faulted.has(key)) return null;
    this.#faulted.add(key);
    return fault;
  }

  /** A change that states what a record is, so that it means nothing new the second time. */
  set(key: string): void {
    if (!this.effects.has(key)) this.apply(key);
  }

  apply(key: string): void {
    this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
  }
}
