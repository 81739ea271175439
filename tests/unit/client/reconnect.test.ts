import { afterEach, expect, it } from 'vitest';
import type { PageEnvironment } from '../../../client/environment.ts';
import { LiveFeed } from '../../../client/live-feed.ts';
import { createRandom } from '../../support/faults/random.ts';
import { LockSpace } from '../../support/locks.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const clients = 1_000;
const second = 1_000;

/** A server with a thousand pages that listen to it, each in a browser of its own. */
class Crowd {
  readonly clock = new ManualClock();
  /** When somebody was let in. */
  readonly arrivals: number[] = [];
  /** When somebody asked for a run, because something may have changed. */
  readonly runs: number[] = [];
  #streams: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>[] = [];
  #isUp = true;
  readonly #feeds: LiveFeed[] = [];

  constructor(seed: number) {
    const random = createRandom(seed);
    for (let client = 0; client < clients; client += 1) {
      const environment: PageEnvironment = {
        locks: new LockSpace().agent('page'),
        window: new EventTarget(),
        document: new EventTarget(),
        isVisible: () => true,
        isOnline: () => true,
        fetch: () => this.#answer(),
        setTimer: this.clock.setTimer,
        random,
        newId: () => '',
        persist: () => Promise.resolve(true),
      };
      const onChanged = (): void => {
        this.runs.push(this.clock.now());
      };
      this.#feeds.push(new LiveFeed({ name: 'crowd', url: '/sync/live', environment, headers: () => ({}), onChanged }));
    }
  }

  #answer(): Promise<Response> {
    if (!this.#isUp) return Promise.reject(new TypeError('refused'));
    this.arrivals.push(this.clock.now());
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#streams.push(controller);
        controller.enqueue(new TextEncoder().encode(': connected\n\n'));
      },
    });
    return Promise.resolve(new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }));
  }

  goDown(): void {
    this.#isUp = false;
    for (const stream of this.#streams) stream.error(new TypeError('broken off'));
    this.#streams = [];
  }

  comeBack(): void {
    this.#isUp = true;
    this.arrivals.length = 0;
    this.runs.length = 0;
  }

  async pass(seconds: number): Promise<void> {
    for (let step = 0; step < seconds * 4; step += 1) {
      this.clock.advance(second / 4);
      for (let turn = 0; turn < 5; turn += 1) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    }
  }

  close(): void {
    for (const feed of this.#feeds) feed.close();
  }
}

/** The most that fall into any one second, at whatever instant it begins. */
function mostInOneSecond(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((time, index) => sorted.slice(index).filter((later) => later < time + second).length));
}

let crowd: Crowd | undefined;
afterEach(() => {
  crowd?.close();
});

it.each([
  ['a restart of 3 seconds', 3],
  ['an outage of 2 minutes', 120],
])(
  '1,000 clients reconnect after %s: fewer than one in twenty of them in any one second',
  { timeout: 60_000 },
  async (_name, down) => {
    crowd = new Crowd(20_261);
    await crowd.pass(1);
    expect(crowd.arrivals).toHaveLength(clients);
    crowd.goDown();
    await crowd.pass(down);
    crowd.comeBack();
    await crowd.pass(110);
    expect(crowd.arrivals.length).toBeGreaterThanOrEqual(clients * 0.99);
    expect(mostInOneSecond(crowd.arrivals)).toBeLessThan(clients * 0.05);
    expect(mostInOneSecond(crowd.runs)).toBeLessThan(clients * 0.05);
  },
);
