interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that goes only when told to, and the timers that hang on it. */
export class ManualClock {
  #now = 1_000_000;
  #timers: Timer[] = [];

  readonly now = (): number => this.#now;

  readonly setTimer = (run: () => void, delayMs: number): (() => void) => {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  get waiting(): number {
    return this.#timers.length;
  }

  /** Runs the timers that are due, in order of time. */
  advance(byMs: number): void {
    const end = this.#now + byMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }
}
