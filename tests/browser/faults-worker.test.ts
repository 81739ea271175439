import { randomUUID } from 'node:crypto';
import type { BrowserContext, CDPSession, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyText } from '../../sw/protocol/errors.ts';
import type { Passage } from '../support/faults/passage.ts';
import { drop, firstOf, on, untilReleased, withoutNews, withScript } from '../support/faults/plans.ts';
import { ask, connected, Demo, stateOf, stopWorkers } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 50 };

function visit(id: string, note = 'a note'): object {
  return { id, date: '2026-03-01', note };
}

/** A device with the worker's own part of the DevTools protocol. */
async function withWorkers(page: Page): Promise<{ readonly session: CDPSession; readonly registration: () => string }> {
  const session = await page.context().newCDPSession(page);
  let id = '';
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    id = registrations.find(({ isDeleted }) => !isDeleted)?.registrationId ?? id;
  });
  await session.send('ServiceWorker.enable');
  await expect.poll(() => id, patience).not.toBe('');
  return { session, registration: () => id };
}

/** Hears what a page is told, from here on. */
async function listen(page: Page, types: readonly string[]): Promise<() => Promise<readonly string[]>> {
  await page.evaluate(
    `(globalThis.heard = [], ${JSON.stringify(types)}.forEach((type) => holdfast.addEventListener(type, () => heard.push(type))), null)`,
  );
  return () => page.evaluate('heard');
}

/** A page under a plain worker, which answers by asking the network. */
async function controlPage(device: BrowserContext): Promise<Page> {
  const worker = `
    addEventListener('install', () => skipWaiting());
    addEventListener('activate', (event) => event.waitUntil(clients.claim()));
    addEventListener('fetch', (event) => { if (event.request.url.endsWith('/control/post')) event.respondWith(fetch(event.request)); });`;
  const page = await device.newPage();
  const plan = demo.faults.plan;
  demo.faults.plan = firstOf((passage: Passage) => {
    if (!passage.path.startsWith('/control/') || passage.path === '/control/post') return undefined;
    const isScript = passage.path.endsWith('.js');
    passage.answer(
      200,
      { 'Content-Type': isScript ? 'text/javascript' : 'text/html' },
      isScript ? worker : '<title>Control</title>',
    );
    return Promise.resolve();
  }, plan);
  await page.goto(`${demo.faults.url}/control/`);
  await page.evaluate("navigator.serviceWorker.register('/control/sw.js', { scope: '/control/' }).then(() => null)");
  await page.waitForFunction('navigator.serviceWorker.controller !== null');
  return page;
}

describe('a worker that dies', () => {
  it('in answering gets the same request again: a plain worker sends it twice, ours stores it once (fact 1)', async () => {
    const device = await demo.device();
    demo.faults.plan = withoutNews;
    const control = await controlPage(device);
    const { session } = await withWorkers(control);
    let posts = 0;
    const before = demo.faults.plan;
    demo.faults.plan = firstOf((passage) => {
      if (passage.path !== '/control/post') return undefined;
      posts += 1;
      // The first one stays open until its worker is dead.
      if (posts > 1) passage.answer(200, { 'Content-Type': 'text/plain' }, 'ok');
      return Promise.resolve();
    }, before);
    const clicked = control.evaluate(
      "fetch('/control/post', { method: 'POST', body: 'one click' }).then(({ status }) => status)",
    );
    await expect.poll(() => posts, patience).toBe(1);
    await session.send('ServiceWorker.stopAllWorkers');
    expect(await clicked).toBe(200);
    expect(posts).toBe(2);

    const page = await demo.open(device);
    const ours = await withWorkers(page);
    const mark = randomUUID();
    for (let click = 0; click < 12; click += 1) {
      const sent = ask(page, 'POST', '/api/visits', { date: '2026-03-01', note: `${mark} ${click}` });
      await page.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), click % 6);
      await ours.session.send('ServiceWorker.stopAllWorkers');
      expect((await sent).status).toBe(201);
    }
    await page.evaluate(settled);
    const rows = await demo.server.database.query('select id from visits where note like $1', [`${mark} %`]);
    expect(rows).toHaveLength(12);
    await device.close();
  });

  it('for being idle answers the next read and write in less than a second', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    await page.evaluate(settled);
    for (const [method, path, record] of [
      ['GET', '/api/visits/ana-visit-1', undefined],
      ['PUT', `/api/visits/${randomUUID()}`, undefined],
    ] as const) {
      await stopWorkers(page);
      const id = path.split('/').at(-1) ?? '';
      const startedAt = Date.now();
      const { status } = await ask(page, method, path, method === 'PUT' ? visit(id) : record);
      const tookMs = Date.now() - startedAt;
      expect([200, 201]).toContain(status);
      expect(tookMs).toBeLessThan(1_000);
    }
    await device.close();
  });

  it('that the browser has ended gives way to a new version in 10 s, in each of two tabs', async () => {
    const device = await demo.device();
    const pages = [await demo.open(device), await demo.open(device)] as const;
    const [first, second] = pages;
    for (const [page, version] of [
      [first, 'second'],
      [second, 'third'],
    ] as const) {
      demo.faults.plan = firstOf(
        withScript(demo.server.url, (script) => `${script}\n// ${version}`),
        withoutNews,
      );
      const registration = 'navigator.serviceWorker.getRegistration()';
      await page.evaluate(`${registration}.then((found) => found.update()).then(() => null)`);
      await expect
        .poll(() => page.evaluate(`${registration}.then(({ waiting }) => waiting?.state)`), patience)
        .toBe('installed');
      await stopWorkers(page);
      const startedAt = Date.now();
      expect(await page.evaluate('holdfast.update()')).toBe(true);
      expect(Date.now() - startedAt).toBeLessThan(10_000);
      for (const each of pages) {
        expect(await each.evaluate(`${registration}.then(({ waiting }) => waiting)`)).toBeNull();
        expect(await ask(each, 'GET', '/api/visits/ana-visit-1')).toMatchObject({ status: 200 });
        expect(await stateOf(each)).toMatchObject({ ready: true });
      }
    }
    await device.close();
  });

  it('during a synchronize called over Comlink lets the call settle in 10 s, and the connections stay as many as they were', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const { session } = await withWorkers(page);
    const locks = async (): Promise<number> =>
      page.evaluate(
        "navigator.locks.query().then(({ held, pending }) => [...held, ...pending].filter(({ name }) => name.startsWith('holdfast-')).length)",
      );
    await page.evaluate(settled);
    const before = await locks();
    for (let round = 0; round < 20; round += 1) {
      const startedAt = Date.now();
      const call = page.evaluate(settled);
      await page.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), (round * 7) % 40);
      await session.send('ServiceWorker.stopAllWorkers');
      expect(['worker-lost', 'finished']).toContain(await call);
      expect(Date.now() - startedAt).toBeLessThan(10_000);
    }
    expect(await page.evaluate(settled)).toBe('finished');
    await expect.poll(locks, patience).toBeLessThanOrEqual(before);
    await device.close();
  });

  it('at each request of a run, before and after the server has it, goes on from there and not from zero', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const { session } = await withWorkers(page);
    for (const path of ['/sync/upload', '/sync/download']) {
      for (const isApplied of [false, true]) {
        const [id, edited] = [randomUUID(), 'ana-visit-2'];
        const bodies: string[] = [];
        let isStopped = false;
        demo.faults.plan = firstOf(withoutNews, (passage) => {
          if (passage.path !== '/sync/upload' && passage.path !== path) return undefined;
          return passage.body().then(async (body) => {
            if (passage.path === '/sync/upload') bodies.push(body);
            const isHere = passage.path === path && !isStopped;
            if (!isHere) {
              (await passage.forward()).pass();
              return;
            }
            isStopped = true;
            if (isApplied) await (await passage.forward()).swallow();
            await session.send('ServiceWorker.stopAllWorkers');
          });
        });
        await ask(page, 'POST', '/api/visits', visit(id));
        await ask(page, 'PATCH', `/api/visits/${edited}`, { note: id });
        void page.evaluate(settled);
        await expect.poll(() => isStopped, patience).toBe(true);
        await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
        expect(await demo.visitRows(id)).toHaveLength(1);
        expect(await demo.visitRows(edited)).toMatchObject([{ note: id }]);
        // A run may have begun by itself, as the live stream from before tells of what was uploaded.
        const quiet = { pending: 0, failures: 0, syncing: false };
        await expect.poll(() => stateOf(page), patience).toMatchObject(quiet);
        // What was sent is not made up anew; what was quiet is not sent again.
        expect(new Set(bodies.filter((body) => body.includes(`"key":"${id}"`))).size).toBe(1);
        if (path === '/sync/download') expect(bodies.filter((body) => body.includes(`"key":"${id}"`))).toHaveLength(1);
      }
    }
    await device.close();
  });
});

describe('Background Sync', () => {
  it('that fails three times, the last with lastChance, leaves the work pending and visible, and the next sign of life sends it (fact 3)', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const { session, registration } = await withWorkers(page);
    const id = randomUUID();
    let uploads = 0;
    demo.faults.plan = firstOf(withoutNews, (passage) => {
      if (!passage.path.startsWith('/sync/')) return undefined;
      if (passage.path === '/sync/upload') uploads += 1;
      return drop(passage);
    });
    await ask(page, 'POST', '/api/visits', visit(id));
    await expect.poll(() => uploads, patience).toBeGreaterThan(0);
    const origin = demo.faults.url;
    for (const lastChance of [false, false, true]) {
      const sent = { origin, registrationId: registration(), tag: 'holdfast:holdfast:rounds:ana', lastChance };
      await session.send('ServiceWorker.dispatchSyncEvent', sent);
      await expect.poll(async () => (await stateOf(page)).syncing, patience).toBe(false);
    }
    expect(await stateOf(page)).toMatchObject({ pending: 1, failures: 0 });
    expect((await ask(page, 'GET', `/api/visits/${id}`)).status$).toBe('not-synchronized');
    // No event fires another one: the tag is not registered from within it.
    expect(uploads).toBeLessThan(20);
    demo.faults.plan = withoutNews;
    await expect
      .poll(async () => {
        await page.evaluate("dispatchEvent(new Event('online'))");
        return demo.visitRows(id);
      }, patience)
      .toHaveLength(1);
    await device.close();
  });
});

describe('tabs', () => {
  it(
    'twenty of them that come online, become visible and get a sync event begin one run, and one follow-up at most',
    { timeout: 300_000 },
    async () => {
      const device = await demo.device();
      // A stream of the server's news that is open would tell of the write, and begin a run of its own.
      demo.faults.plan = withoutNews;
      const first = await demo.open(device);
      await first.evaluate(settled);
      const pages = [first];
      while (pages.length < 20) {
        const page = await device.newPage();
        await page.goto(demo.faults.url);
        await connected(page);
        pages.push(page);
      }
      const { session, registration } = await withWorkers(first);
      await first.evaluate(settled);
      const heard = await listen(first, ['started', 'finished', 'busy']);
      const { fault, release } = untilReleased();
      demo.faults.plan = firstOf(withoutNews, on('/sync/download', fault));
      const running = first.evaluate(settled);
      await expect.poll(heard, patience).toContain('started');
      const refusals = pages
        .slice(1, 4)
        .map((page) => page.evaluate('holdfast.synchronize().then(() => null, (error) => error.message)'));
      expect(await Promise.all(refusals)).toEqual([busyText, busyText, busyText]);
      await ask(first, 'POST', '/api/visits', visit(randomUUID()));
      const storm = pages.map((page) =>
        page.evaluate(
          "(dispatchEvent(new Event('online')), document.dispatchEvent(new Event('visibilitychange')), null)",
        ),
      );
      const tag = 'holdfast:holdfast:rounds:ana';
      const syncEvent = { origin: demo.faults.url, registrationId: registration(), tag, lastChance: false };
      await session.send('ServiceWorker.dispatchSyncEvent', syncEvent);
      await Promise.all(storm);
      release();
      expect(await running).toBe('finished');
      await expect.poll(async () => (await stateOf(first)).pending, patience).toBe(0);
      await expect.poll(async () => (await stateOf(first)).syncing, patience).toBe(false);
      const told = await heard();
      const history = await first.evaluate<readonly { trigger: string; mode: string }[]>(
        'holdfast.history({ limit: 5 })',
      );
      const begun = told.filter((type) => type === 'started').length;
      expect(history.slice(0, begun).map(({ trigger, mode }) => `${trigger} ${mode}`)).toHaveLength(2);
      expect(told.filter((type) => type === 'busy')).toHaveLength(3);
      await device.close();
    },
  );

  it('one without a controller, after a hard reload, is told the phase and counts of the run that goes, in 500 ms (fact 5)', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const session = await device.newCDPSession(page);
    const other = await demo.open(device);
    const { fault, release } = untilReleased();
    demo.faults.plan = firstOf(withoutNews, on('/sync/download', fault));
    const run = other.evaluate(settled);
    await expect.poll(async () => (await stateOf(other)).syncing, patience).toBe(true);
    await session.send('Page.reload', { ignoreCache: true });
    await page.waitForFunction('globalThis.holdfast !== undefined');
    const [state, tookMs] = await page.evaluate<
      [{ syncing: boolean; progress: { phase: string } | null; pending: number }, number]
    >(
      '(async () => { const at = performance.now(); const state = await holdfast.state(); return [state, performance.now() - at]; })()',
    );
    expect(state).toMatchObject({ syncing: true, pending: 0, progress: { phase: 'download' } });
    expect(tookMs).toBeLessThan(500);
    await page.waitForFunction('navigator.serviceWorker.controller !== null');
    release();
    expect(await run).toBe('finished');
    await device.close();
  });

  it('whose cookie becomes another user’s send nothing: auth-required, user-mismatch (invariant 12)', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    await page.evaluate(settled);
    demo.faults.plan = withoutNews;
    const heard = await listen(page, ['auth-required']);
    await device.addCookies([{ name: 'session', value: 'ben-demo', url: demo.faults.url }]);
    const id = randomUUID();
    await ask(page, 'POST', '/api/visits', visit(id));
    expect(await page.evaluate(settled)).toBe('user-mismatch');
    await expect.poll(heard, patience).toContain('auth-required');
    expect(await demo.visitRows(id)).toEqual([]);
    expect(await stateOf(page)).toMatchObject({ pending: 1, failures: 0, authRequired: true });
    await device.addCookies([{ name: 'session', value: 'ana-demo', url: demo.faults.url }]);
    await page.evaluate("holdfast.signIn({ user: 'ana' }).then(() => null)");
    await expect.poll(() => demo.visitRows(id), patience).toHaveLength(1);
    await device.close();
  });
});
