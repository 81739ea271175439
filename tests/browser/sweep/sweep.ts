import type { SweepStand } from './stand.ts';
import type { Step } from './step.ts';

export interface Swept {
  /** At how many steps the worker was stopped, once at each. */
  readonly stopped: number;
  readonly violations: readonly {
    readonly at: number;
    readonly step: Step | null;
    readonly found: readonly string[];
  }[];
  /** How often the browser ended by itself. */
  readonly crashes: number;
}

/** What was broken, if anything, and whether there was such a step. */
interface Stopped {
  readonly isStopped: boolean;
  /** How many there were. */
  readonly steps: number;
  readonly violations: Swept['violations'];
  readonly crashes: number;
}

/** A browser that ends at the same step every time is not the browser's fault. */
const maximumCrashes = 3;

/**
 * 0: at none. Chromium, at times, ends as a whole when a worker is stopped during an update (it leaves a crash report of its browser
 * process): what it had stored is gone then, so the same step is played in a new one.
 */
async function stopAt(stand: SweepStand, scenario: string, at: number): Promise<Stopped> {
  for (let crashes = 0; ; crashes += 1) {
    const { steps, stoppedAt, found, isCrashed } = await stand.play(scenario, at);
    if (isCrashed && crashes < maximumCrashes) continue;
    const violations = found.length > 0 ? [{ at, step: stoppedAt, found }] : [];
    return { isStopped: stoppedAt !== null, steps: steps.length, violations, crashes };
  }
}

/** A scenario as it is, and then with the worker stopped at two of its steps. */
export async function sweepSome(stand: SweepStand, scenario: string): Promise<Swept> {
  const whole = await stopAt(stand, scenario, 0);
  const results = [whole];
  for (const share of [1 / 3, 2 / 3]) results.push(await stopAt(stand, scenario, Math.ceil(whole.steps * share)));
  return sumOf(results);
}

/**
 * A scenario with the worker stopped at its first step, at its second one, and so on for as long as there is one. What goes on behind
 * the pages' backs does not come at the same moment each time: the end is where two plays have no such step.
 */
export async function sweepAll(stand: SweepStand, scenario: string): Promise<Swept> {
  const results: Stopped[] = [];
  for (let at = 1; at <= 2 || results.slice(-2).some(({ isStopped }) => isStopped); at += 1) {
    results.push(await stopAt(stand, scenario, at));
  }
  return sumOf(results);
}

function sumOf(results: readonly Stopped[]): Swept {
  return {
    stopped: results.filter(({ isStopped }) => isStopped).length,
    violations: results.flatMap(({ violations }) => violations),
    crashes: results.reduce((sum, { crashes }) => sum + crashes, 0),
  };
}
