import type { PageEnvironment } from './environment.ts';

export const firstRevivalMs = 100;
/** A worker that dies so often without any progress is left alone until something else asks for a run. */
export const mostRevivals = 5;

export interface RevivalOptions {
  readonly environment: PageEnvironment;
  /** Starts the worker and asks it to go on with the open run. */
  readonly revive: () => Promise<void>;
}

/** Starts a worker again that died in the middle of a run, or before it answered who asked for one. The run itself is in the worker's journal. */
export class Revival {
  readonly #options: RevivalOptions;
  #attempts = 0;
  #stopTimer: (() => void) | null = null;

  constructor(options: RevivalOptions) {
    this.#options = options;
  }

  /** A run made progress or ended, or a request for one was answered. */
  reset(): void {
    this.#attempts = 0;
  }

  schedule(): void {
    if (this.#stopTimer !== null || this.#attempts >= mostRevivals) return;
    const { environment, revive } = this.#options;
    const delayMs = firstRevivalMs * 4 ** this.#attempts * (1 + environment.random());
    this.#attempts += 1;
    this.#stopTimer = environment.setTimer(() => {
      this.#stopTimer = null;
      revive().catch(() => {
        this.schedule();
      });
    }, delayMs);
  }

  close(): void {
    this.#attempts = mostRevivals;
    this.#stopTimer?.();
    this.#stopTimer = null;
  }
}
