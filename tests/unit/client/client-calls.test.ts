import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTimeoutMs, renewIntervalMs } from '../../../client/connection.ts';
import { firstRevivalMs, mostRevivals } from '../../../client/revival.ts';
import {
  PartialSynchronizationError,
  SyncBusyError,
  toPlainError,
  CancelledError,
} from '../../../sw/protocol/errors.ts';
import { runId, syncProgress, syncResult, syncState } from '../../support/sync-shapes.ts';
import { ClientPage, until } from './client-page.ts';
import { fine, never } from './fake-worker.ts';

describe("a page's calls", () => {
  let page: ClientPage;

  /** The worker dies as often as it is started again. */
  const dieAndRevive = async (): Promise<void> => {
    for (let deaths = 1; deaths <= mostRevivals; deaths += 1) {
      await until(() => page.locks.snapshot().pending.some(({ name }) => name.startsWith('holdfast-connection:')));
      page.workers.kill();
      await until(() => page.locks.snapshot().held.length === 0);
      page.clock.advance(firstRevivalMs * 4 ** mostRevivals);
      await until(() => page.workers.triggers.length === 1 + deaths);
    }
  };

  beforeEach(() => {
    page = new ClientPage();
  });

  afterEach(() => {
    page.close();
  });

  it('settle with what the worker replied', async () => {
    page.workers.methods.statusOf = (table, key) =>
      fine({ status: 'not-synchronized', code: 1, detail: table === 'visits' && key === 'v1' ? 'pending' : 'draft' });
    await page.open();
    expect(await page.client.statusOf('visits', 'v1')).toEqual({
      status: 'not-synchronized',
      code: 1,
      detail: 'pending',
    });
  });

  it('reject with the error that the worker replied, by its class', async () => {
    page.workers.methods.synchronize = () => Promise.resolve({ ok: false, error: toPlainError(new SyncBusyError()) });
    await page.open();
    const error = await page.client.synchronize().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SyncBusyError);
    expect(error).toMatchObject({ code: 'busy', retryable: true });
  });

  it('reject when a method of the worker throws', async () => {
    page.workers.methods.retry = () => Promise.reject(new TypeError('broken'));
    await page.open();
    await expect(page.client.retry('f1')).rejects.toThrow(/broken/);
  });

  it('reject at once when their options cannot be sent', async () => {
    await page.open();
    await expect(page.client.setStatus('visits', 1, { n: () => 1 })).rejects.toMatchObject({
      code: 'invalid-request',
      retryable: false,
    });
  });

  it('reject with WorkerLostError when the worker is killed, and the next one makes a new connection', async () => {
    let called = 0;
    page.workers.methods.setStatus = () => {
      called += 1;
      return called === 1 ? never() : fine({ count: 5, warnings: [] });
    };
    await page.open();
    const call = page.client.setStatus('visits', 1, '');
    await until(() => called === 1);
    page.workers.kill();
    await expect(call).rejects.toMatchObject({ code: 'worker-lost', retryable: true });
    expect(page.workers.starts).toBe(1);
    expect(await page.client.setStatus('visits', 1, '')).toBe(5);
    expect(page.workers.starts).toBe(2);
  });

  it('without effects are made once more when the worker is killed', async () => {
    let called = 0;
    page.workers.methods.pending = () => {
      called += 1;
      return called === 1 ? never() : fine({ total: 2, sendable: 2, tables: {}, commands: 0 });
    };
    await page.open();
    const call = page.client.pending();
    await until(() => called === 1);
    page.workers.kill();
    expect((await call).total).toBe(2);
  });

  it('settle a thousand times when the worker is killed meanwhile, and leave no port or lock behind', async () => {
    let called = 0;
    page.workers.methods.synchronize = () => {
      called += 1;
      return never();
    };
    await page.open();
    let lost = 0;
    for (let count = 1; count <= 1_000; count += 1) {
      const call = page.client.synchronize().catch((error: unknown) => error);
      await until(() => called === count);
      page.workers.kill();
      const error = await call;
      if (toPlainError(error).code === 'worker-lost') lost += 1;
    }
    expect(lost).toBe(1_000);
    const { held, pending } = page.locks.snapshot();
    expect(held.length + pending.length).toBeLessThanOrEqual(2);
  });

  it('reject within ten seconds when no worker answers', async () => {
    page.workers.mute = true;
    const opened = page.client.open().catch((reason: unknown) => reason);
    await until(() => page.clock.waiting === 1);
    page.clock.advance(connectTimeoutMs);
    await until(() => page.workers.finds.length === 2 && page.clock.waiting === 1);
    page.clock.advance(connectTimeoutMs);
    expect(await opened).toMatchObject({ code: 'worker-lost' });
    expect(page.workers.finds).toEqual([false, true]);
    expect(connectTimeoutMs * 2).toBeLessThan(10_000);
    expect(page.locks.snapshot()).toEqual({ held: [], pending: [] });
  });

  describe('made while an earlier one asks for the second time', () => {
    const attempt = (finds: number): Promise<void> =>
      until(() => page.workers.finds.length === finds && page.locks.snapshot().held.length === 1);

    beforeEach(async () => {
      await page.open();
      await until(() => page.locks.snapshot().pending.length > 0);
      page.workers.kill();
      page.workers.mute = true;
      await until(() => page.locks.snapshot().held.length === 0);
      page.client.setStatus('visits', 1, '').catch(() => undefined);
      await attempt(2);
      page.clock.advance(connectTimeoutMs);
      await attempt(3);
    });

    it('ask anew when that gets no answer, together', async () => {
      const later = [page.client.setStatus('visits', 1, ''), page.client.setStatus('visits', 1, '')];
      page.workers.mute = false;
      page.clock.advance(connectTimeoutMs);
      expect(await Promise.all(later)).toEqual([0, 0]);
      expect(page.workers.finds).toEqual([false, false, true, true]);
    });

    it('reject when neither that nor their own gets one', async () => {
      const later = page.client.setStatus('visits', 1, '').catch((reason: unknown) => reason);
      page.clock.advance(connectTimeoutMs);
      await attempt(4);
      page.clock.advance(connectTimeoutMs);
      expect(await later).toMatchObject({ code: 'worker-lost' });
    });

    it('wait for a worker that takes over meanwhile', async () => {
      let over = (): void => undefined;
      const later = page.client.setStatus('visits', 1, '');
      page.workers.successor = new Promise((resolve) => {
        over = () => {
          page.workers.successor = null;
          page.workers.mute = false;
          resolve();
        };
      });
      page.clock.advance(connectTimeoutMs);
      await until(() => page.locks.snapshot().held.length === 0);
      expect(page.workers.finds).toHaveLength(3);
      over();
      expect(await later).toBe(0);
    });
  });

  it('keep the worker alive, again and again until they settle', async () => {
    let settle: (done: boolean) => void = () => undefined;
    page.workers.methods.discard = async () => {
      const value = await new Promise<boolean>((resolve) => {
        settle = resolve;
      });
      return { ok: true, value };
    };
    await page.open();
    const start = page.workers.keptAlive.length;
    await until(() => page.workers.triggers.length === 1);
    await page.client.state();
    const call = page.client.discard('f1');
    await until(() => page.workers.keptAlive.length === start + 2);
    const id = page.workers.keptAlive.at(-1);
    page.clock.advance(renewIntervalMs * 2);
    expect(page.workers.keptAlive.filter((each) => each === id)).toHaveLength(3);
    settle(true);
    await call;
    page.clock.advance(renewIntervalMs * 2);
    expect(page.workers.keptAlive.filter((each) => each === id)).toHaveLength(3);
  });

  it('reject as cancelled on close, and nothing is left behind', async () => {
    page.workers.methods.synchronize = never;
    await page.open();
    const call = page.client.synchronize();
    page.client.close();
    page.client.close();
    await expect(call).rejects.toBeInstanceOf(CancelledError);
    await expect(page.client.ready).rejects.toMatchObject({ code: 'cancelled' });
    await expect(page.client.state()).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => page.locks.snapshot().held.length === 0);
    expect(page.locks.snapshot().pending).toEqual([]);
    expect(page.clock.waiting).toBe(0);
  });

  it('to synchronize throw a partial result, unless it is asked for', async () => {
    const result = syncResult('run-1', { outcome: 'partial', failed: 2 });
    page.workers.methods.synchronize = () => fine(result);
    await page.open();
    const error = await page.client.synchronize().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PartialSynchronizationError);
    expect(error instanceof PartialSynchronizationError && error.result).toEqual(result);
    expect(await page.client.synchronize({ onPartial: 'return' })).toEqual(result);
  });

  it('to synchronize leave the run when their signal is aborted', async () => {
    const calls: (string | null)[] = [];
    let settle: () => void = () => undefined;
    page.workers.methods.synchronize = async (call) => {
      calls.push(call);
      await new Promise<void>((resolve) => {
        settle = resolve;
      });
      return { ok: false, error: toPlainError(new CancelledError('cancelled')) };
    };
    page.workers.methods.cancel = (call) => {
      calls.push(call);
      settle();
      return fine(true);
    };
    await page.open();
    const controller = new AbortController();
    const call = page.client.synchronize({ signal: controller.signal }).catch((reason: unknown) => reason);
    await until(() => calls.length === 1);
    controller.abort();
    expect(await call).toBeInstanceOf(CancelledError);
    expect(calls[1]).toBe(calls[0]);
    await expect(page.client.synchronize({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect(calls).toHaveLength(2);
  });

  it('to synchronize hear of the progress while they are under way', async () => {
    let settle: () => void = () => undefined;
    page.workers.methods.synchronize = async () => {
      await new Promise<void>((resolve) => {
        settle = resolve;
      });
      return { ok: true, value: syncResult('run-1') };
    };
    await page.open();
    const heard: number[] = [];
    const call = page.client.synchronize({ onProgress: ({ done }) => heard.push(done) });
    page.workers.tell({ type: 'progress', progress: syncProgress('run-1', 'upload', 4) });
    await until(() => heard.length === 1);
    settle();
    await call;
    const told = page.next('progress');
    page.clock.advance(100);
    page.workers.tell({ type: 'progress', progress: syncProgress('run-1', 'upload', 5) });
    expect((await told).done).toBe(5);
    expect(heard).toEqual([4]);
  });

  it('are followed by a new start of the worker when it died in the middle of a run, but not for ever', async () => {
    await page.open();
    await until(() => page.workers.triggers.length === 1);
    const started = page.next('started');
    page.workers.state = syncState({
      syncing: true,
      run: { id: runId('run-1'), mode: 'all', trigger: 'call', startedAt: 0 },
    });
    page.workers.tell({ type: 'started', run: runId('run-1'), mode: 'all', trigger: 'call' });
    await started;
    await dieAndRevive();
    expect(page.workers.starts).toBe(1 + mostRevivals);
    await until(() => page.locks.snapshot().pending.some(({ name }) => name.startsWith('holdfast-connection:')));
    page.workers.kill();
    await until(() => page.locks.snapshot().held.length === 0);
    expect(page.clock.waiting).toBe(0);
    expect(page.workers.triggers).toEqual(new Array(1 + mostRevivals).fill('start'));
  });

  it('for a run are made again in a new worker when the one that had them dies before any run was told of', async () => {
    page.workers.methods.requestRun = never;
    await page.open();
    await until(() => page.workers.triggers.length === 1);
    await dieAndRevive();
    page.workers.kill();
    await until(() => page.locks.snapshot().held.length === 0);
    expect(page.clock.waiting).toBe(0);
  });

  it('are not followed by a new start when the browser stops an idle worker', async () => {
    await page.open();
    await page.client.state();
    page.workers.kill();
    await until(() => page.locks.snapshot().held.length === 0);
    expect(page.clock.waiting).toBe(0);
    expect(page.workers.starts).toBe(1);
  });

  it('end with the page, and come back with it', async () => {
    await page.open();
    page.window.dispatchEvent(new Event('pagehide'));
    await until(() => page.locks.snapshot().held.length === 0);
    const told = page.next('state');
    page.window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    expect((await told).user).toBe('ann');
  });
});
