import { expose } from 'comlink';
import {
  connectionLock,
  tabLock,
  workerMethods,
  type ConnectedMessage,
  type RefusedMessage,
  type WorkerMethods,
} from '../protocol/api.ts';
import { guardEndpoint } from './guarded-endpoint.ts';
import type { SetTimer } from './timer.ts';

const keepAliveLimitMs = 60_000;
const rememberedReplies = 256;

export interface ConnectionOptions {
  readonly methods: WorkerMethods;
  readonly locks: LockManager;
  readonly setTimer: SetTimer;
  readonly onClose: () => void;
}

/** One page's port, open until the page closes it or its lock tells that the page is gone. */
export class Connection {
  readonly #id: string;
  readonly #port: MessagePort;
  readonly #options: ConnectionOptions;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;
  #end: () => void = () => undefined;
  /** Calls under way, with what waits for their answer. */
  readonly #calls = new Map<string, Set<() => void>>();
  /** A keep-alive travels by another way than its call, and may come after the answer. */
  readonly #replied = new Set<string>();
  #closed = false;

  constructor(id: string, port: MessagePort, options: ConnectionOptions) {
    this.#id = id;
    this.#port = port;
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /**
   * Takes the connection's lock, and serves the port from then on. The lock is held until the connection is closed; if the
   * worker dies, the browser frees it.
   */
  async open(hello: () => Promise<ConnectedMessage | RefusedMessage>): Promise<void> {
    await this.#hold();
    if (this.#isClosed()) return;
    this.#watchPage();
    expose(ownMethods(this.#options.methods), this.#endpoint());
    const message = await hello();
    if (!this.#isClosed()) this.#port.postMessage(message);
  }

  /** Settles when the call has been answered, after a minute, or with the connection. */
  keepAlive(call: string): Promise<void> {
    if (this.#closed || this.#replied.has(call)) return Promise.resolve();
    const waiting = this.#calls.get(call) ?? new Set();
    this.#calls.set(call, waiting);
    return new Promise((resolve) => {
      const finish = (): void => {
        stopTimer();
        waiting.delete(finish);
        if (waiting.size === 0 && this.#calls.get(call) === waiting) this.#calls.delete(call);
        resolve();
      };
      const stopTimer = this.#options.setTimer(finish, keepAliveLimitMs);
      waiting.add(finish);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    this.#port.close();
    for (const waiting of this.#calls.values()) for (const finish of waiting) finish();
    this.#end();
    this.#options.onClose();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #endpoint(): ReturnType<typeof guardEndpoint> {
    return guardEndpoint(this.#port, {
      onCall: (id) => {
        this.#replied.delete(id);
      },
      onReply: (id) => {
        this.#settle(id);
      },
      onClose: () => {
        this.close();
      },
    });
  }

  #settle(id: string): void {
    this.#replied.add(id);
    const [oldest] = this.#replied;
    if (this.#replied.size > rememberedReplies && oldest !== undefined) this.#replied.delete(oldest);
    for (const finish of this.#calls.get(id) ?? []) finish();
  }

  #hold(): Promise<void> {
    return new Promise((resolve, reject) => {
      const held = (): Promise<void> => {
        resolve();
        return this.#ended;
      };
      this.#options.locks.request(connectionLock(this.#id), held).catch(reject);
    });
  }

  #watchPage(): void {
    const gone = (): void => {
      this.close();
    };
    // Rejects when the request is aborted, which close() does.
    this.#options.locks.request(tabLock(this.#id), { signal: this.#abort.signal }, gone).catch(gone);
  }
}

/** The allowed methods alone, on an object without a prototype. */
function ownMethods(methods: WorkerMethods): object {
  const own = Object.fromEntries(workerMethods.map((name) => [name, methods[name].bind(methods)]));
  Object.setPrototypeOf(own, null);
  return own;
}
