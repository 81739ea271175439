import { afterAll, beforeAll, describe, it } from 'vitest';
import { endWorkersOver, enginesThatEndWorkers } from './ended-workers.ts';
import { EngineDemo } from './fixture.ts';

describe.each(enginesThatEndWorkers())(
  'a worker that %s ends in the middle of its work, again and again,',
  (engine) => {
    const demo = new EngineDemo(engine);
    beforeAll(() => demo.start());
    afterAll(() => demo.stop());

    // `npm run test:long` has a thousand.
    it('loses nothing and doubles nothing, and each call for a run settles', () => endWorkersOver(demo, 12));
  },
);
