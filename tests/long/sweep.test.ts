import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../browser/sweep/scenarios.ts';
import { SweepStand } from '../browser/sweep/stand.ts';
import { sweepAll } from '../browser/sweep/sweep.ts';

const stand = new SweepStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());

describe('a worker that is stopped at each change of what is stored, and at each request before and after the server has it,', () => {
  it.for(Object.keys(scenarios))('loses nothing and doubles nothing: %s', async (scenario, { annotate }) => {
    const { stopped, violations, crashes } = await sweepAll(stand, scenario);
    await annotate(`stopped at ${stopped} steps; the browser ended by itself ${crashes} times`);
    expect(violations).toEqual([]);
    expect(stopped).toBeGreaterThan(10);
  });
});
