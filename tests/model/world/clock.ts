import { createHash } from 'node:crypto';

interface Timer {
  readonly at: number;
  readonly id: number;
  readonly run: () => void;
}

/** A digest is due when it is asked for: the platform's comes from another thread, at a time of its own. */
function installDigest(): void {
  const digest = (_algorithm: string, data: BufferSource): Promise<ArrayBuffer> => {
    const view = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    return Promise.resolve(Uint8Array.from(createHash('sha256').update(view).digest()).buffer);
  };
  Object.defineProperty(crypto.subtle, 'digest', { value: digest, configurable: true });
}

/** Time of a world: it goes only when told to. Timers that are due wait to be chosen. */
export class Clock {
  #now = 1_800_000_000_000;
  #timers: Timer[] = [];
  #lastId = 0;

  get now(): number {
    return this.#now;
  }

  install(): void {
    installDigest();
    Object.assign(globalThis, {
      setTimeout: (run: () => void, delayMs = 0): number => {
        this.#lastId += 1;
        this.#timers.push({ at: this.#now + Math.max(0, delayMs), id: this.#lastId, run });
        return this.#lastId;
      },
      clearTimeout: (id: unknown): void => {
        this.#timers = this.#timers.filter((timer) => timer.id !== id);
      },
    });
  }

  /** Moves time, also backwards; timers keep what is left to them. */
  jump(byMs: number): void {
    this.#now += byMs;
    if (byMs < 0) this.#timers = this.#timers.map((timer) => ({ ...timer, at: timer.at + byMs }));
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
      undefined,
    );
  }

  get isWaiting(): boolean {
    return this.#timers.length > 0;
  }

  /** Runs the next timer, and moves time up to it. False: there is none within the limit. */
  fire(withinMs: number): boolean {
    const next = this.#next();
    if (next === undefined || next.at > this.#now + withinMs) return false;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }
}
