import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Passage, Plan } from '../support/faults/passage.ts';
import { firstOf, on, refuseWith, withoutNews, withScript } from '../support/faults/plans.ts';
import type { EngineDemo } from './fixture.ts';

const patience = { timeout: 180_000, interval: 100 };
const settled = "holdfast.synchronize({ onBusy: 'queue' }).then((result) => result.outcome, (error) => error.code)";
const versionHeader = 'x-worker-version';

/** Every request of the new version's worker says so. */
const telling = `{
  const plain = self.fetch.bind(self);
  self.fetch = (input, init) => {
    const request = new Request(input, init);
    request.headers.set('${versionHeader}', 'new');
    return plain(request);
  };
}`;

/**
 * A new version of the worker takes over from one that has so many unsent records, and an upload under way: see what was sent by
 * which of them.
 */
export async function takeOver(demo: EngineDemo, count: number): Promise<void> {
  const browser = await demo.launch();
  let isNew = false;
  const newScript = withScript(demo.server.url, (script) => `${telling}\n${script}`);
  const script: Plan = (passage) => (isNew ? newScript(passage) : undefined);
  demo.faults.plan = firstOf(withoutNews, script);
  const page = await demo.open(browser);
  expect(await page.evaluate(settled)).toBe('finished');
  demo.faults.plan = firstOf(withoutNews, script, on('/sync/upload', refuseWith(503)));
  const mark = randomUUID();
  await page.evaluate(`Promise.all(Array.from({ length: 20 }, async (_value, lane) => {
    for (let n = lane; n < ${count}; n += 20) {
      const body = JSON.stringify({ note: '${mark} ' + n });
      await fetch('/api/visits', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
    }
  }))`);
  expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: count });

  const began: string[] = [];
  const open = { old: 0, new: 0 };
  const sent = { old: 0, new: 0 };
  let mixed = 0;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const watched: Plan = (passage: Passage) => {
    if (passage.path !== '/sync/upload' && passage.path !== '/sync/download') return undefined;
    const version = passage.headers[versionHeader] === 'new' ? 'new' : 'old';
    began.push(version);
    if (open[version === 'new' ? 'old' : 'new'] > 0) mixed += 1;
    open[version] += 1;
    return passage.body().then(async (body) => {
      if (version === 'old') await released;
      sent[version] += body.split('"mutationId"').length - 1;
      (await passage.forward()).pass();
      open[version] -= 1;
    });
  };
  demo.faults.plan = firstOf(withoutNews, script, watched);
  void page.evaluate(settled).catch(() => undefined);
  await expect.poll(() => began.length, patience).toBe(1);
  isNew = true;
  const registration = 'navigator.serviceWorker.getRegistration()';
  await page.evaluate(`${registration}.then((found) => found.update()).then(() => null)`);
  await expect
    .poll(() => page.evaluate(`${registration}.then(({ waiting }) => waiting !== null)`), patience)
    .toBe(true);
  await page.evaluate('(globalThis.taken = holdfast.update(), null)');
  // What is under way is waited for: an answer that is lost would have to be asked for again.
  release();
  expect(await page.evaluate('taken')).toBe(true);
  await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
  expect(began).toEqual(['old', ...began.slice(1).map(() => 'new')]);
  expect(mixed).toBe(0);
  expect(sent.old).toBeLessThan(count);
  expect(sent.old + sent.new).toBe(count);
  const rows = await demo.server.database.query('select note from visits where note like $1', [`${mark} %`]);
  expect(rows.map(({ note }) => String(note)).sort()).toEqual(
    Array.from({ length: count }, (_value, n) => `${mark} ${n}`).sort(),
  );
  expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
  await browser.close();
}
