import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hiddenLimitMs, longestRetryMs, shortestRetryMs, silenceLimitMs } from '../../../client/live-feed.ts';
import { hiddenIntervalMs, visibleIntervalMs } from '../../../client/triggers.ts';
import { liveLock, type Reply } from '../../../sw/protocol/api.ts';
import { syncState } from '../../support/sync-shapes.ts';
import { ClientPage, until } from './client-page.ts';

describe("a page's requests for runs", () => {
  let page: ClientPage;

  beforeEach(() => {
    page = new ClientPage();
  });

  afterEach(() => {
    page.close();
  });

  async function opened(): Promise<void> {
    await page.open();
    await idleAfter(1);
  }

  /** The worker got so many requests, and the page knows their outcome. */
  async function idleAfter(requests: number): Promise<void> {
    await until(() => page.workers.triggers.length === requests);
    await page.client.state();
  }

  it('are made on connecting, when the browser is online again, and when the page becomes visible', async () => {
    await opened();
    page.window.dispatchEvent(new Event('online'));
    await idleAfter(2);
    page.visible = false;
    page.document.dispatchEvent(new Event('visibilitychange'));
    page.visible = true;
    page.document.dispatchEvent(new Event('visibilitychange'));
    await idleAfter(3);
    expect(page.workers.triggers).toEqual(['start', 'online', 'visible']);
  });

  it('are made by a timer only while something is not synchronized', async () => {
    await opened();
    page.clock.advance(visibleIntervalMs * 100);
    expect(page.workers.keptAlive).toHaveLength(2);
    const told = page.next('pending');
    page.workers.tell({ type: 'pending', pending: 2 });
    await told;
    page.clock.advance(visibleIntervalMs);
    await idleAfter(2);
    expect(page.workers.triggers).toEqual(['start', 'timer']);
    const done = page.next('pending');
    page.workers.tell({ type: 'pending', pending: 0 });
    await done;
    expect(page.clock.waiting).toBe(0);
  });

  it('become rarer while there is nothing that could be sent', async () => {
    page.workers.state = syncState({ pending: 1 });
    await opened();
    const times = [page.clock.now()];
    while (times.length < 6) {
      const { length } = page.workers.triggers;
      page.clock.advance(visibleIntervalMs);
      await page.client.state();
      if (page.workers.triggers.length > length) times.push(page.clock.now());
    }
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
    expect(gaps).toEqual(gaps.toSorted((first, second) => first - second));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(4 * visibleIntervalMs);
  });

  it('are made at most once a minute by a hidden page', async () => {
    page.visible = false;
    page.workers.state = syncState({ pending: 1 });
    await opened();
    page.clock.advance(hiddenIntervalMs - 1);
    await page.client.state();
    expect(page.workers.triggers).toEqual(['start']);
  });

  it('do not pile up while a run goes', async () => {
    let settle: () => void = () => undefined;
    page.workers.methods.requestRun = () =>
      new Promise<Reply<boolean>>((resolve) => {
        settle = () => {
          resolve({ ok: true, value: true });
        };
      });
    await page.open();
    await until(() => page.workers.triggers.length === 1);
    for (let count = 0; count < 20; count += 1) page.window.dispatchEvent(new Event('online'));
    await page.client.state();
    expect(page.workers.triggers).toEqual(['start', 'online']);
    settle();
  });
});

describe("the server's events", () => {
  let page: ClientPage;
  let say: (text: string) => void;

  beforeEach(() => {
    page = new ClientPage();
    page.workers.live = '/sync/live';
    say = () => undefined;
    page.answer = (signal) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          say = (text) => {
            controller.enqueue(new TextEncoder().encode(text));
          };
          signal?.addEventListener('abort', () => {
            controller.error(signal.reason);
          });
        },
      });
      return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
    };
  });

  afterEach(() => {
    page.close();
  });

  async function listening(): Promise<void> {
    await page.open();
    await until(() => page.fetched.length === 1 && page.workers.triggers.length === 1);
    // Only the stream's own timer is left when all calls have settled.
    await until(() => page.clock.waiting === 1);
  }

  it('ask for a run when something was changed', async () => {
    await listening();
    say(': connected\n\nevent: other\ndata: 1\n\nevent: chan');
    say('ged\r\ndata: {"tables":["visits"]}\r\n\r\n');
    await until(() => page.workers.triggers.length === 2);
    expect(page.workers.triggers).toEqual(['start', 'live']);
    expect(page.fetched).toEqual(['/sync/live']);
  });

  it('are listened to by one page of all', async () => {
    let free: () => void = () => undefined;
    const other = page.locks.agent('other page');
    void other.request(
      liveLock(page.workers.name),
      () =>
        new Promise<void>((resolve) => {
          free = resolve;
        }),
    );
    await page.open();
    await until(() => page.locks.snapshot().pending.some(({ name }) => name === liveLock(page.workers.name)));
    expect(page.fetched).toEqual([]);
    free();
    await until(() => page.fetched.length === 1);
  });

  it('are asked for again after a fault, ever more rarely', async () => {
    page.answer = () => Promise.reject(new TypeError('refused'));
    await page.open();
    let delayMs = shortestRetryMs;
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await until(() => page.fetched.length === attempt && page.clock.waiting === 1);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
      page.clock.advance(delayMs - 1);
      expect(page.fetched).toHaveLength(attempt);
      page.clock.advance(1);
    }
    await until(() => page.fetched.length === 9);
  });

  it('are asked for again when nothing comes for long', async () => {
    await listening();
    page.clock.advance(silenceLimitMs);
    await until(() => page.clock.waiting === 1);
    page.clock.advance(longestRetryMs);
    await until(() => page.fetched.length === 2);
    await until(() => page.workers.triggers.at(-1) === 'live');
  });

  it('are left to another page by one that is hidden for long, or offline', async () => {
    await listening();
    const holds = (): boolean => page.locks.snapshot().held.some(({ name }) => name === liveLock(page.workers.name));
    expect(holds()).toBe(true);
    page.visible = false;
    page.document.dispatchEvent(new Event('visibilitychange'));
    page.clock.advance(hiddenLimitMs);
    await until(() => !holds());
    page.visible = true;
    page.document.dispatchEvent(new Event('visibilitychange'));
    await until(() => page.fetched.length === 2);
    page.online = false;
    page.window.dispatchEvent(new Event('offline'));
    await until(() => !holds());
  });

  it.each([null, ''])('are not listened to without a user: %j', async (user) => {
    page.workers.state = syncState({ user });
    await page.open();
    await page.client.state();
    expect(page.fetched).toEqual([]);
    page.workers.state = syncState({ user: 'bob' });
    await page.client.signIn({ user: 'bob' });
    await until(() => page.fetched.length === 1);
  });
});
