import type { History, Step } from './commands.ts';
import { play, type Failure, type RunsResult } from './run.ts';

type Steps = History['steps'];

/** The steps without the n-th stretch of so many of those that are left. */
function without(steps: Steps, { from, count }: { readonly from: number; readonly count: number }): Steps {
  const left = steps.flatMap((step, index) => (step === null ? [] : [index]));
  const out = new Set(left.slice(from, from + count));
  return steps.map((step, index): Step | null => (out.has(index) ? null : step));
}

function lengthOf(steps: Steps): number {
  return steps.filter((step) => step !== null).length;
}

/**
 * Leaves out what is not needed to break the same: halves of the steps, quarters, and so on to single ones, again and again until
 * no single one can go or the time is over.
 */
async function shorten(failure: Failure, forMs: number): Promise<Failure> {
  const end = performance.now() + forMs;
  const oracles = new Set(failure.violations.map(({ oracle }) => oracle));
  let shortest = failure;
  let count = Math.ceil(lengthOf(failure.history.steps) / 2);
  while (count > 0) {
    const before = lengthOf(shortest.history.steps);
    // From the end on, where what broke it is least likely to have its causes.
    for (let from = before - count; from > -count; from -= count) {
      if (performance.now() > end) return shortest;
      const stretch = { from: Math.max(0, from), count: count + Math.min(0, from) };
      const history = { ...shortest.history, steps: without(shortest.history.steps, stretch) };
      const violations = await play(history);
      if (violations.some(({ oracle }) => oracles.has(oracle))) shortest = { ...shortest, history, violations };
    }
    const isShorter = lengthOf(shortest.history.steps) < before;
    if (count > 1) count = Math.ceil(count / 2);
    else if (!isShorter) count = 0;
  }
  return shortest;
}

/** Plays a history again as it was printed; for a time above zero it is also made shorter. */
export async function playAgain(failure: Failure, shortenForMs: number): Promise<RunsResult> {
  const again = { ...failure, violations: await play(failure.history) };
  if (again.violations.length === 0) return { runs: 1, failure: null };
  return { runs: 1, failure: shortenForMs > 0 ? await shorten(again, shortenForMs) : again };
}
