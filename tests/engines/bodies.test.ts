import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineBrowser, EnginePage } from '../support/engines/engine.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { withoutNews } from '../support/faults/plans.ts';
import { EngineDemo } from './fixture.ts';
import { settled } from '../support/in-page.ts';

/** Bytes in which no piece is like another, made in the page: so many times a thousand. */
const bytesOf = (thousands: number): string =>
  `Array.from({ length: ${thousands} }, (_value, n) => Uint8Array.from({ length: 1000 }, (_byte, at) => (n * 7 + at * (n % 13)) % 256))`;

function hashOf(thousands: number): string {
  const hash = createHash('sha256');
  for (let n = 0; n < thousands; n += 1) {
    hash.update(Uint8Array.from({ length: 1000 }, (_byte, at) => (n * 7 + at * (n % 13)) % 256));
  }
  return hash.digest('hex');
}

describe.each(installedEngines())('bodies in %s', (engine) => {
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

  /** The hash of the file's bytes as the server gives them. */
  async function onServer(id: string): Promise<string> {
    const answer = await fetch(`${demo.server.url}/api/photos/${id}/content`, {
      headers: { Authorization: 'Bearer ana-demo' },
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return createHash('sha256').update(bytes).digest('hex');
  }

  it('as a form with a file of 3 MB, and as a Blob in its place, are on the server byte for byte', async () => {
    const id = randomUUID();
    const made = await page.evaluate(`(async () => {
      const form = new FormData();
      form.set('record', JSON.stringify({ id: '${id}', visitId: 'ana-visit-1', caption: 'from a form' }));
      form.set('content', new Blob(${bytesOf(3000)}, { type: 'text/plain' }), 'bytes.txt');
      const answer = await fetch('/api/photos', { method: 'POST', body: form });
      return [answer.status, await answer.json()];
    })()`);
    expect(made).toMatchObject([201, { id, caption: 'from a form', content: { size: 3_000_000, name: 'bytes.txt' } }]);
    expect(await page.evaluate(settled)).toBe('finished');
    expect(await onServer(id)).toBe(hashOf(3000));
    const put = await page.evaluate(`(async () => {
      const answer = await fetch('/api/photos/${id}/content', { method: 'PUT', body: new Blob(${bytesOf(1500)}) });
      return [answer.status, await answer.json()];
    })()`);
    expect(put).toMatchObject([200, { id, content: { size: 1_500_000 } }]);
    expect(await page.evaluate(settled)).toBe('finished');
    expect(await onServer(id)).toBe(hashOf(1500));
  });
});
