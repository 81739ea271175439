import { randomUUID } from 'node:crypto';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstOf, on, refuseWith, withoutNews } from '../support/faults/plans.ts';
import { ask, Demo, stateOf, stopWorkers } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 50 };
/** Less than the 30 s after which an idle worker is stopped: the next one would tell. */
const soon = { timeout: 15_000, interval: 50 };
const noted = `caches.open('holdfast:rounds')
  .then((cache) => cache.match('/.holdfast/' + encodeURIComponent('holdfast:rounds:ana')))
  .then((answer) => answer?.json()).then((note) => note?.unsent ?? null)`;

/** Two pages that write down what they are told, and a change that is noted but not sent. */
async function openWithUnsent(device: BrowserContext): Promise<readonly [Page, Page]> {
  const pages = [await demo.open(device), await demo.open(device)] as const;
  for (const page of pages) {
    await page.evaluate(
      "(globalThis.told = [], holdfast.addEventListener('storage-reset', ({ detail }) => told.push(detail.details.atLeast)), null)",
    );
  }
  demo.faults.plan = firstOf(withoutNews, on('/sync/upload', refuseWith(503)));
  const id = randomUUID();
  expect((await ask(pages[0], 'POST', '/api/visits', { id, date: '2026-03-01', note: 'unsent' })).status).toBe(201);
  await expect.poll(() => pages[0].evaluate(noted), patience).toBe(1);
  return pages;
}

/** As when somebody clears the site's databases in the browser's settings. */
async function clearDatabases(device: BrowserContext, page: Page): Promise<void> {
  const session = await device.newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin: demo.faults.url, storageTypes: 'indexeddb' });
  await session.detach();
}

async function hearOfIt(pages: readonly [Page, Page]): Promise<void> {
  for (const page of pages) await expect.poll(() => page.evaluate('told'), soon).toEqual([1]);
  demo.faults.plan = withoutNews;
  await expect.poll(() => pages[0].evaluate(settled), patience).toBe('finished');
  expect(await stateOf(pages[0])).toMatchObject({ user: 'ana', ready: true, storageReset: null });
  expect((await ask(pages[1], 'GET', '/api/visits/ana-visit-1')).status).toBe(200);
}

describe('site data that is cleared', () => {
  it('under a running worker is told to every page, and all is downloaded again (SPEC Z-4)', async () => {
    const device = await demo.device();
    const pages = await openWithUnsent(device);
    await clearDatabases(device, pages[0]);
    await hearOfIt(pages);
    await device.close();
  });

  it('while no worker ran is told by the next one (SPEC Z-2)', async () => {
    const device = await demo.device();
    const pages = await openWithUnsent(device);
    await stopWorkers(pages[0]);
    await clearDatabases(device, pages[0]);
    await ask(pages[0], 'GET', '/api/visits/ana-visit-1');
    await hearOfIt(pages);
    await device.close();
  });
});
