import { expect, it, vi } from 'vitest';
import { createTraffic } from '../../sw/sync/traffic.ts';

/** Whether it has settled once everything that is due was done. */
async function settles(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  // A message of `pause`, and what follows it.
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

it('is on while requests come, and for a quarter of a second after the last', () => {
  let time = 1_000;
  const traffic = createTraffic(() => time);
  expect(traffic.isOn()).toBe(false);
  traffic.begin()();
  expect(traffic.isOn()).toBe(true);
  time += 249;
  expect(traffic.isOn()).toBe(true);
  time += 1;
  expect(traffic.isOn()).toBe(false);
});

it('lets the requests that are open pass, and waits for none of them for long', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  try {
    const traffic = createTraffic(() => 0);
    expect(await settles(traffic.pass())).toBe(true);
    const [first, second] = [traffic.begin(), traffic.begin()];
    const passing = traffic.pass();
    first();
    expect(await settles(passing)).toBe(false);
    second();
    expect(await settles(passing)).toBe(true);

    traffic.begin();
    const tired = traffic.pass();
    expect(await settles(tired)).toBe(false);
    vi.advanceTimersByTime(20);
    expect(await settles(tired)).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
