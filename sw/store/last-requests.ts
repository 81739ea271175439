import { repeatWindowMs } from './requests.ts';
import type { RequestRow } from './request-rows.ts';

/** More at once are rows of their own: the list is written anew with each of the writes. */
const most = 4;

/**
 * What memory knows of the list of requests that the last guessed write left: those whose answers may still have to be
 * handed over. It is right as long as the last `seq` is the one that memory knows.
 */
export class LastRequests {
  #rows: readonly RequestRow[] = [];
  readonly #handled = new Set<string>();

  /** The list that the next write leaves, with its own request; null: it is full. */
  next(row: RequestRow, now: number): readonly RequestRow[] | null {
    const kept = this.kept(now);
    return kept.length < most ? [...kept, row] : null;
  }

  /** What is in the list and could still serve a repeat. */
  kept(now: number): readonly RequestRow[] {
    return this.#rows.filter((row) => !this.#handled.has(row.fingerprint) && Math.abs(now - row.at) < repeatWindowMs);
  }

  /** The list is this from now on. */
  learn(rows: readonly RequestRow[]): void {
    this.#rows = rows;
    const fingerprints = new Set(rows.map((row) => row.fingerprint));
    for (const fingerprint of this.#handled) if (!fingerprints.has(fingerprint)) this.#handled.delete(fingerprint);
  }

  /** The answer was handed over: the next write leaves the request out. False: it is not in the list. */
  forget(fingerprint: string): boolean {
    if (!this.#rows.some((row) => row.fingerprint === fingerprint)) return false;
    this.#handled.add(fingerprint);
    return true;
  }

  /** What was forgotten since the last write; it is in the list still. */
  get handled(): ReadonlySet<string> {
    return this.#handled;
  }
}
