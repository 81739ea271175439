import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClientPage, until } from './client-page.ts';
import { fine, never } from './fake-worker.ts';

describe("a page's client", () => {
  let page: ClientPage;

  beforeEach(() => {
    page = new ClientPage();
  });

  afterEach(() => {
    page.close();
  });

  it('asks the browser to keep the local data, and tells its answer', async () => {
    await page.open();
    expect(await page.client.persist()).toBe(true);
    page.isPersisted = false;
    expect(await page.client.persist()).toBe(false);
  });

  it('lets a waiting worker take over, and tells whether there was one', async () => {
    await page.open();
    expect(await page.client.update()).toBe(false);
    page.workers.isWaiting = true;
    expect(await page.client.update()).toBe(true);
  });

  it('gives up its lock, port, timers and pending calls when it is closed, and does so once', async () => {
    page.workers.methods = { history: never };
    await page.open();
    const call = page.client.history();
    const heard: string[] = [];
    page.client.addEventListener('pending', () => heard.push('pending'));
    await until(() => page.locks.snapshot().held.length > 0);
    page.client.close();
    page.client.close();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await expect(page.client.ready).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => page.locks.snapshot().held.length === 0);
    expect(page.clock.waiting).toBe(0);
    page.workers.tell({ type: 'pending', pending: 3 });
    await expect(page.client.state()).rejects.toMatchObject({ code: 'cancelled' });
    expect(heard).toEqual([]);
  });

  it('asks for a run when a failed change is to be sent again, and not if there was none (F-02)', async () => {
    page.workers.methods = {
      retry: (id) => fine(id === 'one'),
      resolve: () => fine(true),
      sendAgain: () => fine(true),
    };
    await page.open();
    await until(() => page.workers.triggers.length === 1);
    expect(await page.client.retry('other')).toBe(false);
    expect(await page.client.retry('one')).toBe(true);
    await until(() => page.workers.triggers.length === 2);
    await page.client.state();
    await page.client.resolve('two', { id: 'v1' });
    await until(() => page.workers.triggers.length === 3);
    await page.client.state();
    await page.client.sendAgain('three');
    await until(() => page.workers.triggers.length === 4);
    expect(page.workers.triggers).toEqual(['start', 'write', 'write', 'write']);
  });
});
