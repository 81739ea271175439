import { afterEach, describe, expect, it } from 'vitest';
import type { PageEnvironment } from '../../../client/environment.ts';
import { LiveFeed } from '../../../client/live-feed.ts';
import { LockSpace } from '../../support/locks.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** One page and its server. */
class Listener {
  readonly clock = new ManualClock();
  readonly #window = new EventTarget();
  #isOnline: boolean;
  #isUp = true;
  attempts = 0;
  runs = 0;
  readonly feed: LiveFeed;

  constructor({ isOnline = true, isUp = true } = {}) {
    this.#isOnline = isOnline;
    this.#isUp = isUp;
    const environment: PageEnvironment = {
      locks: new LockSpace().agent('page'),
      window: this.#window,
      document: new EventTarget(),
      isVisible: () => true,
      isOnline: () => this.#isOnline,
      fetch: () => this.#answer(),
      setTimer: this.clock.setTimer,
      random: () => 0,
      newId: () => '',
      persist: () => Promise.resolve(true),
    };
    const onChanged = (): void => {
      this.runs += 1;
    };
    this.feed = new LiveFeed({ name: 'one', url: '/sync/live', environment, headers: () => ({}), onChanged });
  }

  #answer(): Promise<Response> {
    this.attempts += 1;
    if (!this.#isUp) return Promise.reject(new TypeError('refused'));
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(': connected\n\n'));
      },
    });
    return Promise.resolve(new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }));
  }

  goOnline(): void {
    this.#isOnline = true;
    this.#window.dispatchEvent(new Event('online'));
  }

  comeUp(): void {
    this.#isUp = true;
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.clock.advance(1_000);
      for (let turn = 0; turn < 5; turn += 1) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    }
  }
}

let listener: Listener | undefined;
afterEach(() => {
  listener?.feed.close();
});

describe('the first stream of a page', () => {
  it('asks for no run of its own where the server was there all the time', async () => {
    listener = new Listener();
    await listener.pass(5);
    expect(listener).toMatchObject({ attempts: 1, runs: 0 });
  });

  it('is a sign of life to a page that was opened offline (R-9)', async () => {
    listener = new Listener({ isOnline: false });
    await listener.pass(5);
    expect(listener).toMatchObject({ attempts: 0, runs: 0 });
    listener.goOnline();
    await listener.pass(5);
    expect(listener).toMatchObject({ attempts: 1, runs: 1 });
  });

  it('is a sign of life to a page that was opened while the server was away (R-9)', async () => {
    listener = new Listener({ isUp: false });
    await listener.pass(1);
    expect(listener).toMatchObject({ attempts: 1, runs: 0 });
    listener.comeUp();
    await listener.pass(10);
    expect(listener).toMatchObject({ attempts: 2, runs: 1 });
  });
});
