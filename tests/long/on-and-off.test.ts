import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { FaultStand } from '../browser/fault-stand.ts';
import { goOnAndOff } from '../browser/on-and-off.ts';

const stand = new FaultStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

describe('the network in Chromium', () => {
  it('goes on and off every 200 ms for a minute, and onLine lies both ways: done within 30 s of quiet, no hot loop', async () => {
    await goOnAndOff(stand, await stand.client(), 300);
  });
});
