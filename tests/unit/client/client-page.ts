import { ConnectedClient } from '../../../client/connected-client.ts';
import type { PageEnvironment } from '../../../client/environment.ts';
import type { SyncEventDetails } from '../../../client/sync-client.ts';
import { LockSpace } from '../../support/locks.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { FakeWorkers } from './fake-worker.ts';

/** A page whose surroundings a test drives: one client, one registration, a clock. */
export class ClientPage {
  readonly locks = new LockSpace();
  readonly clock = new ManualClock();
  readonly window = new EventTarget();
  readonly document = new EventTarget();
  readonly workers: FakeWorkers;
  readonly client: ConnectedClient;
  readonly fetched: string[] = [];
  answer: (signal: AbortSignal | null | undefined) => Promise<Response> = () =>
    Promise.reject(new TypeError('offline'));
  visible = true;
  isPersisted = true;
  online = true;

  constructor() {
    this.workers = new FakeWorkers({ name: `client-${crypto.randomUUID()}`, locks: this.locks, clock: this.clock });
    const environment: PageEnvironment = {
      locks: this.locks.agent('page'),
      window: this.window,
      document: this.document,
      isVisible: () => this.visible,
      isOnline: () => this.online,
      fetch: (url, init) => {
        this.fetched.push(url);
        return this.answer(init.signal);
      },
      setTimer: this.clock.setTimer,
      random: () => 0,
      newId: () => crypto.randomUUID(),
      persist: () => Promise.resolve(this.isPersisted),
    };
    this.client = new ConnectedClient({ workers: this.workers, environment });
  }

  /** Connects, and lets the events that came with it out. */
  async open(): Promise<void> {
    await this.client.open();
    this.clock.advance(0);
  }

  next<T extends keyof SyncEventDetails>(type: T): Promise<SyncEventDetails[T]> {
    return new Promise((resolve) => {
      this.client.addEventListener(
        type,
        ({ detail }: CustomEvent<SyncEventDetails[T]>) => {
          resolve(detail);
        },
        { once: true },
      );
    });
  }

  close(): void {
    this.client.close();
    this.workers.close();
  }
}

/** Lets messages between ports, channels and locks arrive until the condition holds; fails by the test's own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
