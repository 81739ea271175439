import { randomUUID } from 'node:crypto';
import type { CDPSession, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, Demo, stateOf } from '../browser/fixture.ts';
import { drop, firstOf, on, withoutNews } from '../support/faults/plans.ts';
import { createRandom } from '../support/faults/random.ts';
import { settled } from '../support/in-page.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 120_000, interval: 100 };
/** Of the changes that a sync event is to send. */
const count = 1_500;

function pause(page: Page, ms: number): Promise<unknown> {
  return page.evaluate((wait) => new Promise((resolve) => setTimeout(resolve, wait)), ms);
}

async function workersOf(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('ServiceWorker.enable');
  return session;
}

async function notes(mark: string): Promise<readonly string[]> {
  const rows = await demo.server.database.query('select note from visits where note like $1', [`${mark} %`]);
  return rows.map(({ note }) => String(note)).sort();
}

describe('a worker', () => {
  it('that is stopped at 200 random instants of writes and runs loses nothing and doubles nothing', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const page = await demo.open(device);
    const session = await workersOf(page);
    const random = createRandom(20);
    const mark = randomUUID();
    const written: string[] = [];
    for (let stop = 0; stop < 200; stop += 1) {
      const note = `${mark} ${stop}`;
      const sent = ask(page, 'POST', '/api/visits', { note });
      void page.evaluate(settled).catch(() => null);
      await pause(page, Math.floor(random() * 150));
      await session.send('ServiceWorker.stopAllWorkers');
      if ((await sent).status === 201) written.push(note);
    }
    await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
    expect(await notes(mark)).toEqual(written.sort());
    expect(written).toHaveLength(200);
    expect(await stateOf(page)).toMatchObject({ pending: 0, failures: 0 });
    await device.close();
  });

  it('that is stopped during a synchronize 1,000 times lets each call settle in 10 s, and open ports stay flat', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const page = await demo.open(device);
    const session = await workersOf(page);
    const random = createRandom(21);
    for (let round = 0; round < 1_000; round += 1) {
      const startedAt = Date.now();
      const call = page.evaluate(settled);
      await pause(page, Math.floor(random() * 40));
      await session.send('ServiceWorker.stopAllWorkers');
      expect(['worker-lost', 'finished']).toContain(await call);
      expect(Date.now() - startedAt).toBeLessThan(10_000);
    }
    const locks =
      "navigator.locks.query().then(({ held, pending }) => [...held, ...pending].filter(({ name }) => name.startsWith('holdfast-')).length)";
    await expect.poll(() => page.evaluate(locks), patience).toBeLessThan(6);
    await device.close();
  });

  it('in a sync event whose work takes 6 minutes finishes over as many events as the browser makes of it, and repeats a batch at most for each', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const session = await workersOf(page);
    let registrationId = '';
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      registrationId = registrations.find(({ isDeleted }) => !isDeleted)?.registrationId ?? registrationId;
    });
    await session.send('ServiceWorker.disable');
    await session.send('ServiceWorker.enable');
    await expect.poll(() => registrationId, patience).not.toBe('');
    const mark = randomUUID();
    demo.faults.plan = firstOf(withoutNews, on('/sync/upload', drop));
    // So large that a batch takes a hundred of them.
    await page.evaluate(
      `Promise.all(Array.from({ length: 10 }, async (_value, lane) => {
        for (let n = lane; n < ${count}; n += 10) {
          const body = JSON.stringify({ note: '${mark} ' + n + ' ' + 'x'.repeat(20_000) });
          await fetch('/api/visits', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
        }
      })).then(() => null)`,
    );
    let sent = 0;
    let lastAt = Date.now();
    demo.faults.plan = firstOf(withoutNews, (passage) => {
      if (passage.path !== '/sync/upload') return undefined;
      return passage.body().then(async (body) => {
        sent += body.split('"mutationId"').length - 1;
        // Fifteen batches of 25 s and more are too long for one event.
        await new Promise((resolve) => {
          setTimeout(resolve, 25_000);
        });
        (await passage.forward()).pass();
        lastAt = Date.now();
      });
    });
    const there = async (): Promise<number> => {
      const [row] = await demo.server.database.query('select count(*)::int as n from visits where note like $1', [
        `${mark} %`,
      ]);
      return Number(row?.['n']);
    };
    const leaving = await device.newPage();
    await leaving.goto(`${demo.server.url}/icons/rounds.svg`);
    await page.close();
    const own = await device.newCDPSession(leaving);
    await own.send('ServiceWorker.enable');
    let events = 0;
    for (; events < 8 && (await there()) < count; events += 1) {
      lastAt = Date.now();
      const tag = 'holdfast:holdfast:rounds:ana';
      await own.send('ServiceWorker.dispatchSyncEvent', {
        origin: demo.faults.url,
        registrationId,
        tag,
        lastChance: false,
      });
      // Until everything is there, or the browser has ended the event.
      await expect
        .poll(async () => (await there()) === count || Date.now() - lastAt > 60_000, {
          timeout: 600_000,
          interval: 2_000,
        })
        .toBe(true);
    }
    expect(await there()).toBe(count);
    expect(sent).toBeLessThanOrEqual(count + (events - 1) * 110);
    await device.close();
  });
});
