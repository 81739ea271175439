import { afterAll, beforeAll, describe, it } from 'vitest';
import { installedEngines } from '../support/engines/launch.ts';
import { EngineDemo } from './fixture.ts';
import { takeOver } from './take-over.ts';

describe.each(installedEngines())('a worker of a new version in %s', (engine) => {
  const demo = new EngineDemo(engine);
  beforeAll(() => demo.start());
  afterAll(() => demo.stop());

  it('takes over with hundreds pending: old entries are sent by the new code, and never are two versions at work at once', async () => {
    await takeOver(demo, 600);
  });
});
