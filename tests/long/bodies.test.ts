import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineDemo } from '../engines/fixture.ts';
import type { EngineBrowser, EnginePage } from '../support/engines/engine.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { withoutNews } from '../support/faults/plans.ts';
import { rowsIn, settled } from '../support/in-page.ts';

const patience = { timeout: 60_000, interval: 100 };

/** How many pieces of files are in the database. */
const countChunks = (page: EnginePage): Promise<unknown> => page.evaluate(rowsIn('files'));

describe.each(installedEngines().filter((engine) => engine !== 'webkit'))('bodies in %s', (engine) => {
  const demo = new EngineDemo(engine);
  let browser: EngineBrowser;
  let page: EnginePage;
  beforeAll(async () => {
    await demo.start();
    browser = await demo.launch();
    page = await demo.open(browser);
    demo.faults.plan = withoutNews;
  });
  afterAll(() => demo.stop());

  it('of 200 MB, as a file or as JSON, are refused before success as too large, and nothing of them stays', async () => {
    expect(await page.evaluate(settled)).toBe('finished');
    const before = await countChunks(page);
    const id = randomUUID();
    const file = await page.evaluate(`(async () => {
      const piece = new Uint8Array(1_000_000).fill(7);
      const form = new FormData();
      form.set('record', JSON.stringify({ id: '${id}', visitId: 'ana-visit-1', caption: 'large' }));
      form.set('content', new Blob(Array.from({ length: 200 }, () => piece)), 'large.bin');
      const answer = await fetch('/api/photos', { method: 'POST', body: form });
      return [answer.status, await answer.json()];
    })()`);
    expect(file).toMatchObject([413, { code: 'too-large' }]);
    const json = await page.evaluate(`(async () => {
      const piece = 'x'.repeat(1_000_000);
      const pieces = ['{"id":"${id}","note":"', ...Array.from({ length: 200 }, () => piece), '"}'];
      const headers = { 'Content-Type': 'application/json' };
      const answer = await fetch('/api/visits', { method: 'POST', body: new Blob(pieces), headers });
      return [answer.status, await answer.json()];
    })()`);
    expect(json).toMatchObject([413, { code: 'too-large' }]);
    await expect.poll(() => countChunks(page), patience).toBe(before);
    expect(await page.evaluate(`fetch('/api/photos/${id}').then(({ status }) => status)`)).toBe(404);
    expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
    expect(await page.evaluate(settled)).toBe('finished');
  });
});
