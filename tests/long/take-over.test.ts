import { afterAll, beforeAll, describe, it } from 'vitest';
import { EngineDemo } from '../engines/fixture.ts';
import { takeOver } from '../engines/take-over.ts';
import { installedEngines } from '../support/engines/launch.ts';

describe.each(installedEngines())('a worker of a new version in %s', (engine) => {
  const demo = new EngineDemo(engine);
  beforeAll(() => demo.start());
  afterAll(() => demo.stop());

  it('takes over with 5,000 pending: what the old one stored is sent by the new code, once', () =>
    takeOver(demo, 5_000));
});
