import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleModel } from './bundle.ts';
import { plantedBugs } from './planted-bugs.ts';
import { playInThreads } from './threads.ts';

/** As many as the histories of the tests: a bug is to be found by these. */
const runs = 2_000;

describe('the model finds a planted bug', () => {
  it.each(plantedBugs)('$name', { timeout: 0 }, async (bug) => {
    const bundle = await bundleModel(bug);
    const { failure } = await playInThreads(bundle, { runs, seed: 11, commands: 60, shrinks: false });
    expect(failure?.violations ?? []).not.toEqual([]);
    await rm(path.dirname(bundle), { recursive: true });
  });
});
