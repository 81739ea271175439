import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseName, runLock } from '../../../sw/protocol/api.ts';
import { SyncError } from '../../../sw/protocol/errors.ts';
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

  describe('whose worker has an update waiting', () => {
    /** The lock of a run in a database of that name. */
    function holdRun(name = page.workers.name): () => void {
      let end = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        end = resolve;
      });
      void page.locks.agent('worker').request(runLock(databaseName(name, 'ann')), () => held);
      return end;
    }

    /** What became of `update()`: null as long as nothing did. */
    function update(): { outcome: unknown } {
      const told: { outcome: unknown } = { outcome: null };
      const hear = (outcome: unknown): void => {
        told.outcome = outcome instanceof SyncError ? outcome.code : outcome;
      };
      page.client.update().then(hear, hear);
      return told;
    }

    const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

    beforeEach(async () => {
      await page.open();
      await until(() => page.workers.triggers.length === 1);
      await page.client.state();
      page.workers.isWaiting = true;
    });

    it('lets it end its run first, whatever other databases do', async () => {
      holdRun(`${page.workers.name}-2`);
      const end = holdRun();
      const updated = update();
      await moment();
      expect(updated.outcome).toBeNull();
      end();
      await until(() => updated.outcome === true);
    });

    it('waits for a run that was asked for', async () => {
      page.workers.methods.requestRun = never;
      page.window.dispatchEvent(new Event('online'));
      await moment();
      const updated = update();
      await moment();
      expect(updated.outcome).toBeNull();
    });

    it('knows of the run when it is put aside, and leaves it to its end when it is closed', async () => {
      holdRun();
      const updated = update();
      await moment();
      page.window.dispatchEvent(new Event('pagehide'));
      await moment();
      expect(updated.outcome).toBeNull();
      page.client.close();
      await until(() => updated.outcome === 'cancelled');
    });

    it('tells two calls the same, and starts no worker that has ended', async () => {
      const end = holdRun();
      page.workers.kill();
      await until(() => page.workers.losses === 1);
      const both = [update(), update()];
      await moment();
      end();
      await until(() => both.every(({ outcome }) => outcome === true));
      expect(page.workers.starts).toBe(1);
      expect(page.workers.takes).toBe(1);
    });
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
