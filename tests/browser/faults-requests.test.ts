import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import type { Passage } from '../support/faults/passage.ts';
import { firstOf, untilReleased, withoutNews } from '../support/faults/plans.ts';
import { connected, Demo, stateOf } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 50 };

describe('a request', () => {
  it('whose worker is stopped twice rejects, and outcomeOf tells the truth: the write is there, once', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const page = await demo.open(device);
    await page.evaluate(settled);
    const session = await device.newCDPSession(page);
    await session.send('ServiceWorker.enable');
    const [id, key] = [randomUUID(), randomUUID()];
    const uploads: Passage[] = [];
    demo.faults.plan = firstOf(withoutNews, (passage) => {
      if (passage.path !== '/sync/upload') return undefined;
      // Nothing is heard of the server while the page waits for it.
      uploads.push(passage);
      return Promise.resolve();
    });
    await page.evaluate(`(() => {
      const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': '${key}', Prefer: 'wait=30' };
      const body = JSON.stringify({ id: '${id}', note: 'stopped twice' });
      globalThis.asked = fetch('/api/visits', { method: 'POST', headers, body }).then(({ status }) => status, (error) => error.name);
      return null;
    })()`);
    for (let stop = 1; stop <= 2; stop += 1) {
      await expect.poll(() => uploads.length, patience).toBeGreaterThan(0);
      await expect.poll(async () => (await stateOf(page)).pending, patience).toBe(1);
      await session.send('ServiceWorker.stopAllWorkers');
    }
    expect(await page.evaluate('asked')).toBe('TypeError');
    expect(await page.evaluate(`holdfast.outcomeOf('${key}')`)).toMatchObject({ type: 'pending', key: id });
    demo.faults.plan = withoutNews;
    for (const upload of uploads) upload.drop();
    await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
    expect(await page.evaluate(`holdfast.outcomeOf('${key}')`)).toMatchObject({ type: 'applied', key: id });
    expect(await demo.visitRows(id)).toHaveLength(1);
    await device.close();
  });

  it('whose worker is stopped twice is told to every page as an unknown outcome, where it has no key to ask by', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const pages = [await demo.open(device), await demo.open(device)] as const;
    await pages[0].evaluate(settled);
    for (const page of pages)
      await page.evaluate(
        "(globalThis.told = [], holdfast.addEventListener('unknown-outcome', ({ detail }) => told.push([detail.table, detail.key])), null)",
      );
    const session = await device.newCDPSession(pages[0]);
    await session.send('ServiceWorker.enable');
    const id = randomUUID();
    const uploads: Passage[] = [];
    demo.faults.plan = firstOf(withoutNews, (passage) => {
      if (passage.path !== '/sync/upload') return undefined;
      uploads.push(passage);
      return Promise.resolve();
    });
    await pages[0].evaluate(`(() => {
      const headers = { 'Content-Type': 'application/json', Prefer: 'wait=30' };
      const body = JSON.stringify({ id: '${id}', note: 'stopped twice' });
      globalThis.asked = fetch('/api/visits', { method: 'POST', headers, body }).then(({ status }) => status, (error) => error.name);
      return null;
    })()`);
    for (let stop = 1; stop <= 2; stop += 1) {
      await expect.poll(() => uploads.length, patience).toBeGreaterThanOrEqual(stop);
      await session.send('ServiceWorker.stopAllWorkers');
    }
    expect(await pages[0].evaluate('asked')).toBe('TypeError');
    demo.faults.plan = withoutNews;
    for (const upload of uploads) upload.drop();
    await expect.poll(() => pages[0].evaluate(settled), patience).toBe('finished');
    for (const page of pages) await expect.poll(() => page.evaluate('told'), patience).toEqual([['visits', id]]);
    expect(await demo.visitRows(id)).toHaveLength(1);
    await device.close();
  });

  it('to an undeclared origin or path, for a range, or to sign in is not ours: it is passed through as it is', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const page = await demo.open(device);
    const elsewhere = createServer((_request, response) => {
      const cors = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': '*' };
      response.writeHead(200, { 'Content-Type': 'application/json', ...cors }).end('{"from":"elsewhere"}');
    });
    const port = await freePort();
    await new Promise<void>((resolve) => {
      elsewhere.listen(port, '127.0.0.1', resolve);
    });
    const answer = (url: string, init: object = {}): Promise<unknown> =>
      page.evaluate(
        `fetch('${url}', ${JSON.stringify(init)}).then((answer) => [answer.status, answer.headers.get('Sync-Source')])`,
      );
    expect(await answer(`http://127.0.0.1:${port}/api/visits/ana-visit-1`)).toEqual([200, null]);
    expect(await answer('/auth/session')).toEqual([200, null]);
    expect(await answer('/api/visits/ana-visit-1/nothing')).toEqual([404, null]);
    const ranged = { headers: { Range: 'bytes=0-9' } };
    expect(await answer('/icons/rounds-512.png?not-of-the-shell', ranged)).toEqual([expect.any(Number), null]);
    const seen = demo.faults.seen.map(({ path }) => path);
    expect(seen).toEqual(
      expect.arrayContaining(['/auth/session', '/api/visits/ana-visit-1/nothing', '/icons/rounds-512.png']),
    );
    elsewhere.closeAllConnections();
    elsewhere.close();
    await device.close();
  });

  it('in two tabs whose site data is cleared in mid-run: storage-reset in both, then a full download', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const pages = [await demo.open(device), await demo.open(device)] as const;
    for (const page of pages) {
      await page.evaluate(
        "(globalThis.resets = [], holdfast.addEventListener('storage-reset', () => resets.push(1)), null)",
      );
    }
    const [page] = pages;
    await page.evaluate(settled);
    const before = await page.evaluate(
      "fetch('/api/places?limit=1').then((list) => list.headers.get('X-Total-Count'))",
    );
    const session = await device.newCDPSession(page);
    let isReached = false;
    const { fault, release } = untilReleased();
    demo.faults.plan = firstOf(withoutNews, (passage) => {
      if (passage.path !== '/sync/download' || isReached) return undefined;
      isReached = true;
      return fault(passage);
    });
    void page.evaluate(settled).catch(() => null);
    await expect.poll(() => isReached, patience).toBe(true);
    await session.send('Storage.clearDataForOrigin', { origin: demo.faults.url, storageTypes: 'indexeddb' });
    release();
    await expect
      .poll(() => page.evaluate("holdfast.signIn({ user: 'ana' }).then(() => true, () => false)"), patience)
      .toBe(true);
    await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
    for (const each of pages) {
      await expect.poll(() => each.evaluate('resets.length'), patience).toBeGreaterThan(0);
      await connected(each);
    }
    const after = await page.evaluate("fetch('/api/places?limit=1').then((list) => list.headers.get('X-Total-Count'))");
    expect(after).toBe(before);
    await device.close();
  });
});
