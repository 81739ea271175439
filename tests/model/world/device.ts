import type { Reply, WorkerMethods } from '../../../sw/protocol/api.ts';
import type { SyncEvent } from '../../../sw/protocol/events.ts';
import { LockSpace } from '../../support/locks.ts';
import { MemoryWitness } from '../../support/memory-witness.ts';
import { origin, startWorker, type ModelWorker, type WorkerContext } from './worker.ts';
import { closeConnections, type Owner } from './tasks.ts';

export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly idempotencyKey: string | null;
  /** @default 'application/json' */
  readonly contentType?: string;
  /** @default false */
  readonly isDraft?: boolean;
}

export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What a page waits for. */
interface Waiting {
  readonly page: string;
  readonly what: string;
  readonly worker: ModelWorker;
  /** The worker that has it died: give it to the next one, or give up. */
  readonly onStopped: () => void;
  readonly onClosed: () => void;
}

type Context = Omit<
  WorkerContext,
  'device' | 'number' | 'version' | 'announce' | 'onStopped' | 'locks' | 'witness' | 'pages'
>;

/** The page does not learn what came of it: the worker died over it, or the page was closed. */
export class UnheardError extends Error {
  override name = 'UnheardError';
}

/** A browser profile: its databases, its locks, its pages, and the workers that come and go. */
export class Device {
  readonly name: string;
  readonly events: { readonly user: string; readonly event: SyncEvent }[] = [];
  readonly owners = new Map<string, Owner>();
  readonly #context: Context;
  readonly #locks = new LockSpace();
  readonly witness = new MemoryWitness();
  #worker: ModelWorker | null = null;
  #replaced: ModelWorker[] = [];
  #workers = 0;
  #version = 1;
  #pages = 0;
  #waiting: Waiting[] = [];
  readonly #forgotten = new Set<string>();
  /** Loaded one after the other; a page is bound to the sign-in under which it first asked for something. */
  pages: string[] = [];

  constructor(name: string, context: Context) {
    this.name = name;
    this.#context = context;
    this.openPage();
  }

  get isRunning(): boolean {
    return this.#worker !== null;
  }

  get workers(): number {
    return this.#workers;
  }

  /** What it asked for goes on in the worker, and nobody hears of it. */
  closePage(page: string): void {
    this.pages = this.pages.filter((each) => each !== page);
    if (this.pages.length === 0) this.openPage();
    const unheard = this.#waiting.filter((each) => each.page === page);
    this.#waiting = this.#waiting.filter((each) => each.page !== page);
    for (const each of unheard) each.onClosed();
  }

  /** The pages lose what the worker knew of them: the app loads them again before they ask for the same once more. */
  forgetPages(): void {
    for (const page of this.pages) this.#forgotten.add(page);
  }

  openPage(): string {
    this.#pages += 1;
    const page = `${this.name}-page-${this.#pages}`;
    this.pages = [...this.pages, page].slice(-3);
    return page;
  }

  /** Stops the worker now, or after so many steps of its transactions. */
  stopWorker(afterSteps: number): void {
    const owner = this.#worker?.owner;
    if (owner === undefined) return;
    if (afterSteps <= 0) owner.stop();
    else owner.stepsLeft = Math.min(owner.stepsLeft, afterSteps);
  }

  #running(): ModelWorker {
    if (this.#worker !== null) return this.#worker;
    this.#workers += 1;
    const worker: ModelWorker = startWorker({
      ...this.#context,
      device: this.name,
      number: this.#workers,
      version: this.#version,
      locks: this.#locks,
      witness: this.witness,
      pages: () => this.pages,
      announce: (user, event) => this.events.push({ user, event }),
      onStopped: () => this.#onStopped(worker),
    });
    this.owners.set(worker.owner.id, worker.owner);
    this.#worker = worker;
    return worker;
  }

  #onStopped(worker: ModelWorker): void {
    if (this.#worker === worker) this.#worker = null;
    this.#replaced = this.#replaced.filter((each) => each !== worker);
    const waiting = this.#waiting.filter((each) => each.worker === worker);
    this.#waiting = this.#waiting.filter((each) => each.worker !== worker);
    for (const each of waiting) queueMicrotask(each.onStopped);
  }

  /** A new version takes over, with another schema or the same: what the old one has begun it may still end. */
  replaceWorker(withSchema: boolean): void {
    if (withSchema) this.#version += 1;
    if (this.#worker === null) return;
    this.#worker.owner.isReplaced = true;
    this.#replaced.push(this.#worker);
    this.#worker = null;
  }

  /** The browser ends a replaced worker when nobody waits for it any more. */
  endReplaced(): void {
    for (const worker of [...this.#replaced]) {
      if (!this.#waiting.some((each) => each.worker === worker)) worker.owner.stop();
    }
  }

  /** The connections to the databases die, and nobody is told. */
  breakConnections(): void {
    if (this.#worker !== null) closeConnections(this.#worker.owner);
  }

  /** What the page waits for settles with the work, or as the browser has it when the worker is stopped. */
  #wait<T>(
    { what, page, worker }: Pick<Waiting, 'what' | 'page' | 'worker'>,
    work: Promise<T>,
    onStopped: () => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        ...{ what, page, worker },
        onStopped: () => {
          onStopped().then(resolve, reject);
        },
        onClosed: () => reject(new UnheardError(what)),
      };
      this.#waiting.push(waiting);
      const end = (): boolean => {
        const had = this.#waiting.includes(waiting);
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        return had;
      };
      work.then(
        (value) => {
          if (end()) resolve(value);
        },
        (error: unknown) => {
          if (end()) reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** What pages wait for. */
  get open(): readonly string[] {
    return this.#waiting.map((each) => each.what);
  }

  /** A page's fetch. A worker that dies over it is started again and gets it once more, as in Chromium; then it fails. */
  fetch(page: string, request: PageRequest, isAgain = false): Promise<PageAnswer> {
    const worker = this.#running();
    const { method, path, body, idempotencyKey, contentType = 'application/json', isDraft = false } = request;
    const headers = {
      ...(body === null ? {} : { 'Content-Type': contentType }),
      ...(idempotencyKey === null ? {} : { 'Idempotency-Key': idempotencyKey }),
      ...(isDraft ? { 'Sync-Draft': 'true' } : {}),
    };
    const sent = new Request(`${origin}${path}`, { method, body, headers });
    const work = worker.fetch(page, sent).then(async (response) => {
      const text = await response.text();
      return { status: response.status, headers: response.headers, text };
    });
    return this.#wait({ what: `${method} ${path}`, page, worker }, work, () =>
      isAgain || this.#forgotten.has(page)
        ? Promise.reject(new UnheardError('twice'))
        : this.fetch(page, request, true),
    );
  }

  /** A page's call. It fails when the worker dies. */
  call<T>(page: string, name: string, call: (methods: WorkerMethods) => Promise<Reply<T>>): Promise<Reply<T>> {
    const worker = this.#running();
    const waiting = { what: name, page, worker };
    return this.#wait(waiting, call(worker.methods(page)), () => Promise.reject(new UnheardError(name)));
  }
}
