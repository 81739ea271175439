import { historyFaults } from '../../support/history-checker.ts';
import { judge, type Violation } from '../../support/oracle.ts';
import type { Step } from './commands.ts';
import { scenarios } from './scenarios.ts';
import { quiet } from './quiet.ts';
import { collectRejections } from './rejections.ts';
import { World } from './world.ts';

export type Break = 'stop' | 'fail';

export interface SweepResult {
  /** How many effects the scenario has; at each it was broken once. */
  readonly points: number;
  readonly violations: readonly { readonly point: number; readonly found: readonly Violation[] }[];
}

/** Plays a scenario, in which the worker is stopped right before an effect, or the effect fails. */
async function playBroken(
  steps: readonly Step[],
  how: Break,
  point: number,
): Promise<{ effects: number; found: readonly Violation[] }> {
  let effects = 0;
  const rejections = collectRejections();
  const world = new World(1, 2, (device, _effect, owner) => {
    if (device !== 'device0') return 'go on';
    effects += 1;
    if (effects !== point) return 'go on';
    if (how === 'fail') return 'fail';
    owner.stop();
    return 'go on';
  });
  await world.start();
  for (const { command, moves } of steps) await world.perform(command, moves);
  const counted = effects;
  const evidence = await quiet(world);
  return {
    effects: counted,
    found: [...world.chronicle.violations, ...judge(evidence), ...historyFaults(evidence), ...rejections.end()],
  };
}

/** Breaks a scenario at each of its effects, one after the other. */
export async function sweep(name: string, how: Break): Promise<SweepResult> {
  const steps = scenarios[name];
  if (steps === undefined) throw new Error(`There is no scenario «${name}».`);
  const { effects, found } = await playBroken(steps, how, 0);
  const violations = found.length === 0 ? [] : [{ point: 0, found }];
  for (let point = 1; point <= effects; point += 1) {
    const broken = await playBroken(steps, how, point);
    if (broken.found.length > 0) violations.push({ point, found: broken.found });
  }
  return { points: effects, violations };
}

export const scenarioNames: readonly string[] = Object.keys(scenarios);
