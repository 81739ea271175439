/** A lock as a callback gets it. */
export interface HeldLock {
  readonly name: string;
  readonly mode: 'exclusive' | 'shared';
}

interface RequestOptions {
  readonly mode?: 'exclusive' | 'shared';
  readonly ifAvailable?: boolean;
  readonly steal?: boolean;
  readonly signal?: AbortSignal;
}

interface LockRequest {
  readonly owner: string;
  readonly lock: HeldLock;
  readonly grant: () => void;
}

interface HeldEntry {
  readonly owner: string;
  readonly lock: HeldLock;
  /** Ends the holding from outside: its holder died or the lock was stolen. */
  readonly lose: (reason: unknown) => void;
}

type Callback<T> = (lock: HeldLock | null) => T;

interface Snapshot {
  readonly held: { readonly name: string; readonly mode: 'exclusive' | 'shared'; readonly clientId: string }[];
  readonly pending: { readonly name: string; readonly mode: 'exclusive' | 'shared'; readonly clientId: string }[];
}

/**
 * The Web Locks of one origin: a queue for each name, granted in order and asynchronously. Each agent (page, worker) gets a
 * manager of its own by `agent`; `kill` frees what an agent holds or waits for, as the browser does when it dies: nothing of
 * the agent is told.
 */
export class LockSpace {
  readonly #queues = new Map<string, LockRequest[]>();
  readonly #held = new Map<string, HeldEntry[]>();
  readonly #dead = new Set<string>();

  agent(owner: string): FakeLockManager {
    return new FakeLockManager(this, owner);
  }

  kill(owner: string): void {
    this.#dead.add(owner);
    for (const [name, queue] of this.#queues) {
      this.#queues.set(
        name,
        queue.filter((request) => request.owner !== owner),
      );
    }
    for (const [name, entries] of this.#held) {
      this.#held.set(
        name,
        entries.filter((entry) => entry.owner !== owner),
      );
      this.#grantNext(name);
    }
  }

  snapshot(): Snapshot {
    const describe = ({ owner, lock }: { owner: string; lock: HeldLock }): Snapshot['held'][number] => ({
      ...lock,
      clientId: owner,
    });
    return {
      held: [...this.#held.values()].flat().map(describe),
      pending: [...this.#queues.values()].flat().map(describe),
    };
  }

  request<T>(owner: string, name: string, options: RequestOptions, callback: Callback<T>): Promise<Awaited<T>> {
    const { mode = 'exclusive', ifAvailable = false, steal = false, signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortReason(signal));
        return;
      }
      if (this.#dead.has(owner)) return;
      const lock: HeldLock = { name, mode };
      const run = (): void => {
        signal?.removeEventListener('abort', abort);
        const entry: HeldEntry = { owner, lock, lose: reject };
        this.#held.set(name, [...(this.#held.get(name) ?? []), entry]);
        const release = (): void => {
          this.#held.set(
            name,
            (this.#held.get(name) ?? []).filter((each) => each !== entry),
          );
          this.#grantNext(name);
        };
        queueMicrotask(() => {
          if (this.#dead.has(owner)) return;
          const work = new Promise<Awaited<T>>((done, fail) => {
            Promise.resolve(callback(lock)).then(done, fail);
          });
          work.finally(release).then(resolve, reject);
        });
      };
      const request: LockRequest = { owner, lock, grant: run };
      const abort = (): void => {
        const queue = this.#queues.get(name) ?? [];
        if (!queue.includes(request)) return;
        this.#queues.set(
          name,
          queue.filter((each) => each !== request),
        );
        reject(abortReason(signal));
        this.#grantNext(name);
      };
      if (steal) {
        const lost = this.#held.get(name) ?? [];
        this.#held.set(name, []);
        for (const entry of lost) entry.lose(new DOMException('The lock was stolen.', 'AbortError'));
        run();
      } else if (this.#isFree(lock) && (this.#queues.get(name) ?? []).length === 0) run();
      else if (ifAvailable) {
        queueMicrotask(() => {
          Promise.resolve(callback(null)).then(resolve, reject);
        });
      } else {
        signal?.addEventListener('abort', abort, { once: true });
        this.#queues.set(name, [...(this.#queues.get(name) ?? []), request]);
      }
    });
  }

  #isFree({ name, mode }: HeldLock): boolean {
    const held = this.#held.get(name) ?? [];
    return held.length === 0 || (mode === 'shared' && held.every((entry) => entry.lock.mode === 'shared'));
  }

  #grantNext(name: string): void {
    const queue = this.#queues.get(name) ?? [];
    const [first, ...rest] = queue;
    if (first === undefined || !this.#isFree(first.lock)) return;
    this.#queues.set(name, rest);
    first.grant();
    this.#grantNext(name);
  }
}

/** One agent's `navigator.locks`. */
export class FakeLockManager {
  readonly #space: LockSpace;
  readonly #owner: string;

  constructor(space: LockSpace, owner: string) {
    this.#space = space;
    this.#owner = owner;
  }

  request<T>(name: string, callback: Callback<T>): Promise<Awaited<T>>;
  request<T>(name: string, options: RequestOptions, callback: Callback<T>): Promise<Awaited<T>>;
  request<T>(name: string, second: RequestOptions | Callback<T>, third?: Callback<T>): Promise<Awaited<T>> {
    if (typeof second === 'function') return this.#space.request(this.#owner, name, {}, second);
    if (third === undefined) return Promise.reject(new TypeError('A lock request needs a callback.'));
    return this.#space.request(this.#owner, name, second, third);
  }

  query(): Promise<Snapshot> {
    return Promise.resolve(this.#space.snapshot());
  }
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException('The lock request was aborted.', 'AbortError');
}
