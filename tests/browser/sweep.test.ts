import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from './sweep/scenarios.ts';
import { SweepStand } from './sweep/stand.ts';
import { sweepSome } from './sweep/sweep.ts';

const stand = new SweepStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());

// `npm run test:long` stops it at every one.
describe('a worker that is stopped at some steps', () => {
  it.for(Object.keys(scenarios))('loses nothing and doubles nothing: %s', async (scenario, { annotate }) => {
    const { stopped, violations, crashes } = await sweepSome(stand, scenario);
    if (crashes > 0) await annotate(`the browser ended by itself ${crashes} times`);
    expect(violations).toEqual([]);
    // The second one may be behind a play's end: what goes on by itself takes a step more or less.
    expect(stopped).toBeGreaterThan(0);
  });
});
