import type { RunTrigger } from '../sw/protocol/run.ts';
import type { PageEnvironment } from './environment.ts';

export const visibleIntervalMs = 30_000;
export const hiddenIntervalMs = 60_000;
const longestIntervalMs = 600_000;

export interface TriggersOptions {
  readonly environment: PageEnvironment;
  /** False if there was nothing to do; else settles when the run has ended. */
  readonly requestRun: (trigger: RunTrigger) => Promise<boolean>;
  /** The worker lived long enough to answer a request. */
  readonly onAnswered: () => void;
}

/**
 * Asks the worker for runs when this page has a reason to. Of requests under way two are enough: the run that goes, and the
 * one that the worker remembers for what came after its begin.
 */
export class Triggers {
  readonly #options: TriggersOptions;
  readonly #abort = new AbortController();
  #pending = 0;
  #underWay = 0;
  #idleRounds = 0;
  #stopTimer: (() => void) | null = null;

  constructor(options: TriggersOptions) {
    this.#options = options;
    const { window, document, isVisible } = options.environment;
    const { signal } = this.#abort;
    const online = (): void => {
      this.request('online');
    };
    const visible = (): void => {
      if (isVisible()) this.request('visible');
    };
    window.addEventListener('online', online, { signal });
    document.addEventListener('visibilitychange', visible, { signal });
  }

  /** How much is not synchronized; while it is more than nothing, a timer asks for runs. */
  learnPending(pending: number): void {
    if (pending !== this.#pending) this.#idleRounds = 0;
    this.#pending = pending;
    if (pending > 0) {
      this.#schedule();
      return;
    }
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  /** Whether a run was asked for and nothing was answered yet. */
  get isUnderWay(): boolean {
    return this.#underWay > 0;
  }

  /** Fire and forget; a worker that cannot be reached is asked again by the next trigger. */
  request(trigger: RunTrigger): void {
    if (this.#abort.signal.aborted || this.#underWay >= 2) return;
    this.#underWay += 1;
    const settle = (ran: boolean): void => {
      this.#underWay -= 1;
      this.#idleRounds = ran ? 0 : this.#idleRounds + 1;
    };
    const answered = (ran: boolean): void => {
      settle(ran);
      this.#options.onAnswered();
    };
    this.#options.requestRun(trigger).then(answered, () => {
      settle(false);
    });
  }

  close(): void {
    this.#abort.abort();
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  #schedule(): void {
    if (this.#abort.signal.aborted) return;
    const { isVisible, setTimer, random } = this.#options.environment;
    const intervalMs = (isVisible() ? visibleIntervalMs : hiddenIntervalMs) * 2 ** Math.min(this.#idleRounds, 5);
    const delayMs = Math.min(intervalMs, longestIntervalMs) * (1 + random() / 4);
    this.#stopTimer ??= setTimer(() => {
      this.#stopTimer = null;
      if (this.#underWay === 0) this.request('timer');
      this.#schedule();
    }, delayMs);
  }
}
