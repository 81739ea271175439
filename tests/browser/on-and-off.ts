import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import type { FaultClient, FaultStand } from './fault-stand.ts';

const rhythmMs = 200;

/** What `navigator.onLine` says from now on, in page and worker, whatever the network does. */
async function onLineOf(client: FaultClient): Promise<(isOnline: boolean) => Promise<void>> {
  const session = await client.context.newCDPSession(client.page);
  await session.send('Network.enable');
  return async (isOnline) => {
    const line = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await session.send('Network.overrideNetworkState', { offline: !isOnline, ...line });
    expect(await client.page.evaluate('navigator.onLine')).toBe(isOnline);
  };
}

/**
 * The server takes connections and refuses them in turn, so many times, while the browser says the contrary, then what is true too
 * late; and the page goes on writing. Then it is there to stay: what is unsent goes out by itself.
 */
export async function goOnAndOff(stand: FaultStand, client: FaultClient, steps: number): Promise<void> {
  const says = await onLineOf(client);
  let attempts = 0;
  client.context.on('request', (request) => {
    if (request.serviceWorker() !== null && request.url().includes('/sync/')) attempts += 1;
  });
  for (let step = 0; step < steps; step += 1) {
    // The rhythm is the case itself.
    const next = setTimeout(rhythmMs);
    const isOn = step % 2 === 0;
    await (isOn ? stand.faults.accept() : stand.faults.refuse());
    await says(step < steps / 2 ? !isOn : step % 3 === 0);
    // The last one finds no server.
    if (step % 5 === 0 || step === steps - 1) await client.makeVisits(1);
    await next;
  }
  // A run has two requests at least, and a fault is followed by a pause.
  expect(attempts).toBeGreaterThan(0);
  expect(attempts).toBeLessThan(steps * 2);
  expect((await client.state()).pending).toBeGreaterThan(0);
  await stand.faults.accept();
  await says(true);
  await expect.poll(async () => (await client.state()).pending, { timeout: 30_000, interval: 50 }).toBe(0);
  await stand.holds(client);
}
