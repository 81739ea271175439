import fc from 'fast-check';
import { historyFaults } from '../../support/history-checker.ts';
import { judge, type Violation } from '../../support/oracle.ts';
import { histories, type History } from './commands.ts';
import { quiet } from './quiet.ts';
import { collectRejections } from './rejections.ts';
import { World } from './world.ts';

/** Plays one history from its begin to quiet, and says what was broken in it. */
export async function play(history: History): Promise<readonly Violation[]> {
  const rejections = collectRejections();
  const world = new World(history.seed, history.devices);
  await world.start();
  for (const step of history.steps) {
    if (step === null) continue;
    await world.perform(step.command, step.moves);
    if (world.chronicle.violations.length > 0) return [...world.chronicle.violations, ...rejections.end()];
  }
  const evidence = await quiet(world);
  return [...world.chronicle.violations, ...judge(evidence), ...historyFaults(evidence), ...rejections.end()];
}

export interface RunsOptions {
  readonly runs: number;
  readonly seed: number;
  readonly commands: number;
  /** Whether a failing history is made shorter. */
  readonly shrinks: boolean;
}

/** A history that broke something, and where it was found. */
export interface Failure {
  readonly seed: number;
  readonly history: History;
  readonly violations: readonly Violation[];
  /** Of the bundle that it was played with. @default 'real' */
  readonly bounds?: string;
}

export interface RunsResult {
  readonly runs: number;
  readonly failure: Failure | null;
}

/** Plays many histories; the first that breaks something is made as short as can be. */
export async function playMany(options: RunsOptions): Promise<RunsResult> {
  const { runs, seed, commands, shrinks } = options;
  const property = fc.asyncProperty(histories(commands), async (history) => {
    const violations = await play(history);
    if (violations.length > 0)
      throw new Error(violations.map(({ oracle, message }) => `${oracle}: ${message}`).join('\n'));
  });
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: !shrinks });
  const [history] = details.counterexample ?? [];
  if (history === undefined) return { runs: details.numRuns, failure: null };
  const failure = {
    seed: details.seed,
    history,
    violations: await play(history),
  };
  return { runs: details.numRuns, failure };
}
