import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyText } from '../../sw/protocol/errors.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { ask, connected, EngineDemo } from './fixture.ts';

const patience = { timeout: 60_000, interval: 100 };
const online = "dispatchEvent(new Event('online'))";

function visit(id: string, note = 'a note'): object {
  return { id, date: '2026-03-01', note };
}

describe.each(installedEngines())('the demo in %s', (engine) => {
  const demo = new EngineDemo(engine);
  beforeAll(() => demo.start());
  afterAll(() => demo.stop());

  it('works offline, and brings everything home after reconnecting without Background Sync (S-01)', async () => {
    const browser = await demo.launch();
    const page = await demo.open(browser);
    demo.faults.plan = (passage) => {
      passage.drop();
      return Promise.resolve();
    };
    await page.reload();
    await connected(page);
    const [id, edited] = [randomUUID(), 'ana-visit-1'];
    expect(await ask(page, 'POST', '/api/visits', visit(id, 'offline'))).toMatchObject({
      status: 201,
      status$: 'not-synchronized',
    });
    await ask(page, 'PATCH', `/api/visits/${edited}`, { note: 'edited offline' });
    expect(await ask(page, 'DELETE', '/api/visits/ana-visit-3')).toMatchObject({ status: 204 });
    expect(await ask(page, 'GET', `/api/visits/${id}`)).toMatchObject({ status: 200, body: { note: 'offline' } });
    expect(await ask(page, 'GET', '/api/visits/ana-visit-3')).toMatchObject({ status: 404 });
    expect(await demo.visitRows(id)).toEqual([]);
    demo.faults.plan = () => undefined;
    await page.evaluate(online);
    await expect.poll(() => demo.visitRows(id), patience).toHaveLength(1);
    await expect.poll(async () => (await demo.visitRows(edited))[0]?.['note'], patience).toBe('edited offline');
    await expect.poll(() => demo.visitRows('ana-visit-3'), patience).toEqual([]);
    await browser.close();
  });

  it('applies a write once though the answer to its upload was lost (U-03)', async () => {
    const browser = await demo.launch();
    const page = await demo.open(browser);
    let lost = 0;
    demo.faults.plan = (passage) => {
      if (passage.path !== '/sync/upload' || lost > 0) return undefined;
      lost += 1;
      return passage.forward().then(() => passage.drop());
    };
    const id = randomUUID();
    await ask(page, 'POST', '/api/visits', visit(id));
    await expect.poll(() => lost, patience).toBe(1);
    await page.evaluate(online);
    await expect.poll(() => page.evaluate('holdfast.state()'), patience).toMatchObject({ pending: 0, failures: 0 });
    expect(await demo.visitRows(id)).toHaveLength(1);
    await browser.close();
  });

  it('takes a captive portal for no answer at all (U-11)', async () => {
    const browser = await demo.launch();
    const page = await demo.open(browser);
    const places = await ask(page, 'GET', '/api/places?limit=1');
    demo.faults.plan = (passage) => {
      passage.answer(200, { 'Content-Type': 'text/html' }, '<html>Sign in to the network</html>');
      return Promise.resolve();
    };
    const id = randomUUID();
    await ask(page, 'POST', '/api/visits', visit(id));
    const code = await page.evaluate(
      "holdfast.synchronize({ onBusy: 'queue' }).then(() => null, (error) => error.code)",
    );
    expect(code).toBe('not-our-server');
    expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 1, failures: 0 });
    expect(await ask(page, 'GET', '/api/places?limit=1')).toEqual(places);
    demo.faults.plan = () => undefined;
    await page.evaluate("holdfast.synchronize({ onBusy: 'queue' })");
    expect(await demo.visitRows(id)).toHaveLength(1);
    await browser.close();
  });

  it('shows a run in two tabs, refuses the second call, and tells a late tab (S-08, S-14)', async () => {
    const browser = await demo.launch();
    const one = await demo.open(browser);
    const two = await demo.open(browser);
    for (const page of [one, two]) {
      await page.evaluate(
        `(globalThis.heard = [], ['started', 'progress', 'busy', 'finished'].forEach((type) =>
          holdfast.addEventListener(type, () => heard.push(type))))`,
      );
    }
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    demo.faults.plan = (passage) =>
      passage.path === '/sync/download'
        ? held.then(() => passage.forward()).then((answer) => answer.pass())
        : undefined;
    const run = one.evaluate("holdfast.synchronize({ mode: 'all', full: true }).then((result) => result.outcome)");
    await expect.poll(() => two.evaluate("heard.includes('started')"), patience).toBe(true);
    const refusal = await two.evaluate(
      'holdfast.synchronize().then(() => null, (error) => [error.name, error.code, error.message])',
    );
    expect(refusal).toEqual(['SyncBusyError', 'busy', busyText]);
    const late = await browser.newPage();
    await late.goto(demo.faults.url);
    await connected(late);
    expect(await late.evaluate('holdfast.state()')).toMatchObject({ syncing: true });
    release();
    expect(await run).toBe('finished');
    for (const page of [one, two]) {
      await expect
        .poll(() => page.evaluate('[...new Set(heard)].sort()'), patience)
        .toEqual(['busy', 'finished', 'progress', 'started']);
    }
    await browser.close();
  });
});
