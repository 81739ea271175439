import { randomUUID } from 'node:crypto';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, connected, Demo, stopWorkers } from './fixture.ts';

const demo = new Demo();
beforeAll(async () => {
  await demo.start();
  const { database } = demo.server;
  await database.query('delete from lines', []);
  await database.query('delete from products where "Code" > 3', []);
});
afterAll(() => demo.stop());

/** An attempt that met no network leaves a change in flight. */
const unsent = 'unsent';
const patience = { timeout: 15_000, interval: 100 };

/** The example's start: product 1 is synchronized, 2 and 3 are not, and nothing can travel. */
async function start(device: BrowserContext): Promise<Page> {
  const page = await demo.open(device, '/synchronization/status');
  await device.setOffline(true);
  expect((await ask(page, 'PATCH', '/api/products/2', { Stock: 200 })).status).toBe(200);
  expect((await ask(page, 'PATCH', '/api/products/3', { Stock: 300 })).status).toBe(200);
  expect(await codes(page)).toEqual([0, 1, 1]);
  return page;
}

function codes(page: Page): Promise<readonly number[]> {
  return page.evaluate(
    "Promise.all([1, 2, 3].map((code) => holdfast.statusOf('products', code).then((of) => of.code)))",
  );
}

/** What has travelled when a run has ended, once the server can be reached: in it, and in those that began by themselves. */
async function uploaded(device: BrowserContext, page: Page): Promise<unknown> {
  await page.evaluate(
    '(globalThis.keys = [], globalThis.ended = [], holdfast.addEventListener("finished", ({ detail }) => (ended.push(detail.run), keys.push(...(detail.tables.products?.uploadedKeys ?? [])))), null)',
  );
  await device.setOffline(false);
  const run = await page.evaluate(
    "holdfast.synchronize({ onBusy: 'queue', onPartial: 'return' }).then(({ run }) => run)",
  );
  // A page is told of a run's end when it has asked the worker about it, which may be after its own call has settled.
  await page.waitForFunction(`ended.includes(${JSON.stringify(run)})`);
  return page.evaluate('keys.sort()');
}

function row(page: Page, code: number, status: string): Promise<void> {
  const states = status === unsent ? ':is([data-status=pending], [data-status=in-flight])' : `[data-status=${status}]`;
  return page.locator(`[data-testid=status-row][data-key="${code}"]${states}`).waitFor();
}

describe('a status set by hand, in Chromium', () => {
  it('makes the Colas travel, through the page client (K-05)', async () => {
    const device = await demo.device();
    const page = await start(device);
    const filter = JSON.stringify('FIELD(Products,Name) LIKE "%Cola"');
    expect(await page.evaluate(`holdfast.setStatus('products', 1, ${filter})`)).toBe(2);
    expect(await codes(page)).toEqual([1, 1, 1]);
    expect(await uploaded(device, page)).toEqual([1, 2, 3]);
    expect(await codes(page)).toEqual([0, 0, 0]);
    await device.close();
  });

  it('lets nothing travel of what was set synchronized, through the page client (K-05)', async () => {
    const device = await demo.device();
    const page = await start(device);
    expect(await page.evaluate("holdfast.setStatus('products', 'synchronized', 'FIELD(Products,Code) <> 0')")).toBe(3);
    expect(await codes(page)).toEqual([0, 0, 0]);
    expect(await uploaded(device, page)).toEqual([]);
    await device.close();
  });

  it('is set in the demo by a typed filter, and the marks change in all tabs (K-05)', async () => {
    const device = await demo.device();
    const page = await start(device);
    const other = await device.newPage();
    await other.goto(`${demo.faults.url}/synchronization/status`);
    await connected(other);
    await other.getByTestId('status-filter').fill('Code <> 0');
    await row(other, 3, unsent);
    await row(page, 1, 'clean');
    expect(await page.getByTestId('status-row').count()).toBe(2);
    await page.getByTestId('set-not-synchronized').click();
    await expect.poll(() => page.getByTestId('status-answer').textContent(), patience).toContain('2 records are');
    for (const tab of [page, other]) await row(tab, 1, unsent);
    await page.getByTestId('status-filter').fill('FIELD(Products,Code) <> 0');
    await row(page, 3, unsent);
    await page.getByTestId('set-synchronized').click();
    for (const tab of [page, other]) {
      await row(tab, 1, 'clean');
      await row(tab, 2, 'held');
      await row(tab, 3, 'held');
    }
    await page.getByTestId('status-filter').fill('Stock > 1 AND Nmae = 1');
    await expect
      .poll(() => page.getByTestId('status-wrong').textContent(), patience)
      .toContain('Did you mean Name?\nStock > 1 AND Nmae = 1\n              ^');
    await device.close();
  });

  it('and queries go on after the worker was stopped, and tell of another tab’s writes', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    await page.evaluate(
      "globalThis.told = []; holdfast.live('visits', { filter: \"note = 'live'\", onChange: ({ added, removed }) => told.push([added.length, removed.length]) }).ready.then(() => null)",
    );
    const other = await demo.open(device);
    await stopWorkers(page);
    const id = randomUUID();
    expect((await ask(other, 'POST', '/api/visits', { id, date: '2026-03-01', note: 'live' })).status).toBe(201);
    await expect.poll(() => page.evaluate('told.length'), patience).toBeGreaterThan(1);
    expect(await page.evaluate('told.slice(0, 2)')).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect((await ask(other, 'DELETE', `/api/visits/${id}`)).status).toBe(204);
    await expect.poll(() => page.evaluate('told.at(-1)'), patience).toEqual([0, 1]);
    await device.close();
  });
});
