import { createHash, randomBytes } from 'node:crypto';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, connected, Demo, stopWorkers } from './fixture.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 100 };
const visitPath = '/visits/ana-visit-1';

/** A picture of one colour that a browser shows, followed by bytes that it ignores. */
async function picture(page: Page, more: number): Promise<Buffer> {
  const dataUrl = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 240;
    const context = canvas.getContext('2d');
    if (context !== null) {
      context.fillStyle = '#3a7d5d';
      context.fillRect(0, 0, 320, 240);
    }
    return canvas.toDataURL('image/jpeg');
  });
  return Buffer.concat([Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64'), randomBytes(more)]);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function choose(page: Page, name: string, buffer: Buffer): Promise<string> {
  await page.getByTestId('photo-choose').setInputFiles({ name, mimeType: 'image/jpeg', buffer });
  const photo = page.getByTestId('photo').filter({ hasText: name });
  await photo.waitFor();
  return (await photo.getAttribute('data-key')) ?? '';
}

async function isShown(page: Page, key: string): Promise<boolean> {
  return page.locator(`[data-testid=photo][data-key="${key}"] img`).evaluate(async (image) => {
    if (!(image instanceof HTMLImageElement)) return false;
    await image.decode();
    return image.naturalWidth === 320;
  });
}

/** The hash of the photo's bytes as the server gives them; empty while it has none. */
async function onServer(key: string): Promise<string> {
  const answer = await fetch(`${demo.server.url}/api/photos/${key}/content`, {
    headers: { Authorization: 'Bearer ana-demo' },
  });
  return answer.ok ? sha256(new Uint8Array(await answer.arrayBuffer())) : '';
}

describe('a photo', () => {
  it('taken offline shows offline, after a reload too, and is on the server byte for byte afterwards (X-01, X-04)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, visitPath);
    const bytes = await picture(page, 1_500_000);
    await page.getByTestId('photo-choose').waitFor({ state: 'attached' });
    await device.setOffline(true);
    const key = await choose(page, 'front.jpg', bytes);
    await expect.poll(() => isShown(page, key), patience).toBe(true);
    await page.reload();
    await connected(page);
    await expect.poll(() => isShown(page, key), patience).toBe(true);
    const photo = page.locator(`[data-testid=photo][data-key="${key}"]`);
    expect(await photo.getAttribute('data-status')).not.toBe('clean');
    expect(await onServer(key)).toBe('');
    await device.setOffline(false);
    await expect.poll(() => onServer(key), patience).toBe(sha256(bytes));
    await page.locator(`[data-testid=photo][data-key="${key}"][data-status=clean]`).waitFor();
    // Another device of the same user gets it with its first download.
    const other = await demo.device();
    const there = await demo.open(other, visitPath);
    await expect.poll(() => isShown(there, key), patience).toBe(true);
    await other.setOffline(true);
    const status = await there.evaluate(async (id) => (await fetch(`/api/photos/${id}/content`)).status, key);
    expect(status).toBe(200);
    await device.close();
    await other.close();
  });

  it('goes on where it was when the worker was stopped in mid-transfer (X-01)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, visitPath);
    const bytes = await picture(page, 4_500_000);
    let puts = 0;
    let release = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      release = resolve;
    });
    demo.faults.plan = (passage) => {
      const { method, path } = passage;
      if (method !== 'PUT' || !path.startsWith('/sync/files/')) return undefined;
      puts += 1;
      if (puts !== 3) return undefined;
      // The third chunk arrives; its answer does not.
      return passage.forward().then(() => release());
    };
    const key = await choose(page, 'counter.jpg', bytes);
    await reached;
    await stopWorkers(page);
    await page.evaluate('holdfast.synchronize({ onBusy: "queue" }).then(() => null, () => null)');
    await expect.poll(() => onServer(key), patience).toBe(sha256(bytes));
    expect(puts).toBe(5);
    await device.close();
  });

  it('comes in ranges, and with its own type in a form of any shape (invariant 1)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, visitPath);
    const answer = await page.evaluate(async () => {
      const form = new FormData();
      form.set('record', JSON.stringify({ visitId: 'ana-visit-1', caption: 'from a form' }));
      form.set('content', new Blob(['0123456789'], { type: 'text/plain' }), 'digits.txt');
      const made = await fetch('/api/photos', { method: 'POST', body: form });
      const record: unknown = await made.json();
      const path = made.headers.get('Location') ?? '';
      const part = await fetch(`${path}/content`, { headers: { Range: 'bytes=3-5' } });
      const none = await fetch(`${path}/content`, { headers: { Range: 'bytes=10-' } });
      const type = part.headers.get('Content-Type');
      return { made: made.status, record, part: part.status, text: await part.text(), type, none: none.status };
    });
    expect(answer).toMatchObject({ made: 201, part: 206, text: '345', type: 'text/plain', none: 416 });
    expect(answer.record).toMatchObject({ caption: 'from a form', content: { size: 10, name: 'digits.txt' } });
    expect(await ask(page, 'GET', '/api/photos/none/content')).toMatchObject({ status: 404 });
    await device.close();
  });
});
