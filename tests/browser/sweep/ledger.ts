import type { Passage, Plan } from '../../support/faults/passage.ts';
import { stepAddress, type Step } from './step.ts';

/** Sees every step of a device's workers, in the order in which they come, and stops the worker at one of them. */
export class Ledger {
  readonly steps: Step[] = [];
  /** What befalls a request of the worker that may go on. */
  fault: Plan = () => undefined;
  #stopAt = 0;
  #stop: () => Promise<void> = () => Promise.resolve();
  #isCounting = false;
  /** Where the worker was stopped. */
  stoppedAt: Step | null = null;

  /** From here on steps count, from 1. At `stopAt` the worker is stopped; 0: nowhere. */
  begin(stopAt: number, stop: () => Promise<void>): void {
    this.#stopAt = stopAt;
    this.#stop = stop;
    this.#isCounting = true;
  }

  end(): void {
    this.#isCounting = false;
  }

  /** Whether the worker may go on. */
  async #pass(step: Step): Promise<boolean> {
    if (!this.#isCounting) return true;
    this.steps.push(step);
    if (this.steps.length !== this.#stopAt) return true;
    this.stoppedAt = step;
    await this.#stop();
    return false;
  }

  readonly plan: Plan = (passage) => {
    if (passage.path === stepAddress) return this.#stored(passage);
    return passage.path.startsWith('/sync/') ? this.#request(passage) : undefined;
  };

  async #stored(passage: Passage): Promise<void> {
    const what = await passage.body();
    if (await this.#pass({ type: 'stored', what })) passage.answer(200, { 'Content-Type': 'text/plain' }, '');
  }

  async #request(passage: Passage): Promise<void> {
    const what = passage.path;
    if (!(await this.#pass({ type: 'asked', what }))) return;
    const fault = this.fault(passage);
    if (fault !== undefined) return fault;
    const answer = await passage.forward();
    if (await this.#pass({ type: 'answered', what })) answer.pass();
    else await answer.swallow();
  }
}
