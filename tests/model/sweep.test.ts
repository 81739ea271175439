import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleModel } from './bundle.ts';
import { sweepInThread } from './threads.ts';
import { scenarios } from './world/scenarios.ts';

describe('at every write, request and answer', () => {
  let bundle = '';
  beforeAll(async () => {
    bundle = await bundleModel();
  });
  afterAll(() => rm(path.dirname(bundle), { recursive: true }));

  it.each(Object.keys(scenarios))('a worker can be stopped: %s', async (scenario) => {
    const { points, violations } = await sweepInThread(bundle, scenario, 'stop');
    expect(violations).toEqual([]);
    expect(points).toBeGreaterThan(15);
  });

  it.each(Object.keys(scenarios))('the k-th request or transaction can fail: %s', async (scenario) => {
    const { points, violations } = await sweepInThread(bundle, scenario, 'fail');
    expect(violations).toEqual([]);
    expect(points).toBeGreaterThan(15);
  });
});
