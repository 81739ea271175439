import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleModel } from './bundle.ts';
import { plantedBugs } from './planted-bugs.ts';
import { playAgain, playInThreads } from './threads.ts';

/** As many as the histories of the tests: a bug is to be found by these. */
const runs = 2_000;

describe('the model finds a planted bug', () => {
  let sound = '';
  beforeAll(async () => {
    sound = await bundleModel();
  });
  afterAll(() => rm(path.dirname(sound), { recursive: true }));

  it.each(plantedBugs)('$name', { timeout: 0 }, async (bug) => {
    const bundle = await bundleModel(bug);
    const { failure } = await playInThreads(
      { real: bundle },
      { runs, seed: bug.seed ?? 11, commands: 60, shrinks: false },
    );
    expect(failure?.violations ?? []).not.toEqual([]);
    // The same history breaks nothing without the bug.
    const again = failure === null ? null : await playAgain({ real: sound }, failure, 0);
    expect(again?.failure?.violations ?? []).toEqual([]);
    await rm(path.dirname(bundle), { recursive: true });
  });
});
