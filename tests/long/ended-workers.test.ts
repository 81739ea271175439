import { afterAll, beforeAll, describe, it } from 'vitest';
import { endWorkersOver, enginesThatEndWorkers } from '../engines/ended-workers.ts';
import { EngineDemo } from '../engines/fixture.ts';

describe.each(enginesThatEndWorkers())(
  'a worker that %s ends in the middle of its work, a thousand times,',
  (engine) => {
    const demo = new EngineDemo(engine);
    beforeAll(() => demo.start());
    afterAll(() => demo.stop());

    it('loses nothing and doubles nothing, and each call for a run settles in 10 s', () => endWorkersOver(demo, 1_000));
  },
);
