import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineName } from '../support/engines/engine.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { firstOf, withoutNews } from '../support/faults/plans.ts';
import { settled } from '../support/in-page.ts';
import { EngineDemo } from './fixture.ts';

const patience = { timeout: 60_000, interval: 100 };

/** Chromium's workers are stopped through its protocol, in `tests/browser`. */
const engines: readonly EngineName[] = installedEngines().filter((engine) => engine !== 'chromium');

/** Has the page tell the test, past every driver, when a run has ended and its lock is free. */
const tell = `(holdfast.addEventListener('finished', async ({ detail: { outcome } }) => {
  for (;;) {
    const { held } = await navigator.locks.query();
    if (!held.some(({ name }) => name.endsWith(':run'))) break;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  const { pending, failures, syncing } = await holdfast.state();
  await fetch('/told', { method: 'POST', body: JSON.stringify({ outcome, pending, failures, syncing }) });
}), null)`;

/** An app that was told of no answer asks again under the same key: Firefox may end the worker over this, too. */
function write(id: string): string {
  const body = JSON.stringify({ id, date: '2026-03-01', note: 'before the crash' });
  return `(async () => {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': '${id}' };
    const call = { method: 'POST', headers, body: ${JSON.stringify(body)} };
    while ((await fetch('/api/visits', call).catch(() => null))?.status !== 201);
  })()`;
}

describe.each(engines)('a worker that holds the lock of a run, %s,', (engine) => {
  const demo = new EngineDemo(engine);
  beforeAll(() => demo.start());
  afterAll(() => demo.stop());

  it('is ended with it, in WebKit also with its tab: the lock is free, and the other tab has the run resumed', async () => {
    // Firefox ends its worker over the answer that never comes; in WebKit it is killed together with the first tab.
    const browser = await demo.launch({ workerIdleMs: 1_000 });
    demo.faults.plan = withoutNews;
    const caller = await demo.open(browser);
    const other = await demo.open(browser);
    await other.evaluate(tell);
    const id = randomUUID();
    const uploads: string[] = [];
    const told: unknown[] = [];
    let downloads = 0;
    let sentBefore = 0;
    demo.faults.plan = firstOf(withoutNews, (passage) => {
      if (passage.path === '/told') {
        return passage.body().then((text) => {
          told.push(JSON.parse(text));
          passage.answer(204, {}, '');
        });
      }
      if (passage.path === '/sync/upload') {
        return passage.body().then(async (body) => {
          if (body.includes(id)) uploads.push(body);
          (await passage.forward()).pass();
        });
      }
      if (passage.path !== '/sync/download') return undefined;
      downloads += 1;
      if (downloads === 1) sentBefore = uploads.length;
      // The first one is never answered: it ends with its worker.
      return downloads === 1 ? Promise.resolve() : passage.forward().then((answer) => answer.pass());
    });
    await caller.evaluate(write(id));
    await caller.evaluate(`(void ${settled}, null)`);
    await expect.poll(() => downloads, patience).toBeGreaterThan(0);
    browser.killFirstTab?.();
    const quiet = { outcome: 'finished', pending: 0, failures: 0, syncing: false };
    await expect.poll(() => told, patience).toContainEqual(quiet);
    expect(downloads).toBeGreaterThan(1);
    // What was acknowledged before is not sent again.
    expect(sentBefore).toBeGreaterThan(0);
    expect(uploads).toHaveLength(sentBefore);
    expect(await demo.visitRows(id)).toMatchObject([{ note: 'before the crash' }]);
  });
});
