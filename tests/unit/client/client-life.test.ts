import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseName, runLock } from '../../../sw/protocol/api.ts';
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

  it('lets the worker end its run before a waiting one takes over, whatever other databases do', async () => {
    await page.open();
    page.workers.isWaiting = true;
    const locks = page.locks.agent('worker');
    const hold = (lock: string): (() => void) => {
      let free = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        free = resolve;
      });
      void locks.request(lock, () => held);
      return free;
    };
    hold(runLock(databaseName(`${page.workers.name}-2`, 'ann')));
    const endRun = hold(runLock(databaseName(page.workers.name, 'ann')));
    let isTaken = false;
    const taken = page.client.update().then((value) => {
      isTaken = true;
      return value;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isTaken).toBe(false);
    endRun();
    expect(await taken).toBe(true);
  });

  it('leaves a worker alone that ended, or is told to, while another one waits', async () => {
    await page.open();
    page.workers.kill();
    await until(() => page.workers.losses === 1);
    let passes = (): void => undefined;
    page.workers.successor = new Promise((resolve) => {
      passes = () => {
        page.workers.successor = null;
        resolve();
      };
    });
    const state = page.client.state();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(page.workers.starts).toBe(1);
    passes();
    await state;
    expect(page.workers.starts).toBe(2);
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
