import { createBroadcast, type Broadcast } from '../../../sw/broadcast/broadcast.ts';
import { createLink, type Link } from '../../../sw/broadcast/link.ts';
import { isPageMessage, type Reply, type WorkerMethods } from '../../../sw/protocol/api.ts';
import type { SyncEvent } from '../../../sw/protocol/events.ts';
import type { RunTrigger, SyncState } from '../../../sw/protocol/run.ts';
import type { WorkerSource, WorkerTarget } from '../../../client/worker-source.ts';
import type { LockSpace } from '../../support/locks.ts';
import type { ManualClock } from '../../support/manual-clock.ts';
import { queryAnswer, syncResult, syncState } from '../../support/sync-shapes.ts';

export function fine<T>(value: T): Promise<Reply<T>> {
  return Promise.resolve({ ok: true, value });
}

export function never(): Promise<never> {
  return new Promise(() => undefined);
}

export interface FakeWorkersOptions {
  readonly name: string;
  readonly locks: LockSpace;
  readonly clock: ManualClock;
}

/**
 * A registration whose worker can be killed: its locks are freed, its port stays silent, and the next message starts another
 * one, as browsers do. The link and the channel are the real ones.
 */
export class FakeWorkers implements WorkerSource, WorkerTarget {
  state: SyncState = syncState();
  methods: Partial<WorkerMethods> = {};
  live: string | null = null;
  /** A worker that does not come up at all. */
  mute = false;
  /** A newer worker waits to take over. */
  isWaiting = false;
  starts = 0;
  losses = 0;
  takes = 0;
  successor: Promise<void> | null = null;
  finds: boolean[] = [];
  readonly triggers: RunTrigger[] = [];
  readonly keptAlive: string[] = [];
  readonly #options: FakeWorkersOptions;
  #link: Link | null = null;
  readonly #ports: MessagePort[] = [];
  #broadcast: Broadcast | null = null;
  readonly #connected: (() => void)[] = [];

  constructor(options: FakeWorkersOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  find(again: boolean): Promise<WorkerTarget> {
    this.finds.push(again);
    return Promise.resolve(this);
  }
  lost(): void {
    this.losses += 1;
  }
  succession(): Promise<void> | null {
    return this.successor;
  }
  isControlled(): boolean {
    return true;
  }
  waitForControl(): Promise<void> {
    return Promise.resolve();
  }
  onChange(): () => void {
    return () => undefined;
  }
  onWaiting(): () => void {
    return () => undefined;
  }
  async takeWaiting(isAtWork: () => Promise<boolean>): Promise<boolean> {
    this.takes += 1;
    while (await isAtWork()) await new Promise((resolve) => setTimeout(resolve, 1));
    return this.isWaiting;
  }

  postMessage(message: object, transfer: Transferable[]): void {
    if (this.mute) return;
    this.#link ??= this.#start();
    if (isPageMessage(message) && message.type === 'keep-alive') this.keptAlive.push(message.call);
    const ports = transfer.filter((each) => each instanceof MessagePort);
    this.#ports.push(...ports);
    this.#link.onMessage({
      data: structuredClone(message),
      source: { id: 'page', type: 'window', url: 'https://app.test/' },
      ports,
      waitUntil: (work) => {
        work.catch(() => undefined);
      },
    });
    if (isPageMessage(message) && message.type === 'connect')
      this.#connected.splice(0).forEach((tell) => {
        tell();
      });
  }

  /** Settles with the next connection that a page asks for. */
  nextConnect(): Promise<void> {
    return new Promise((resolve) => {
      this.#connected.push(resolve);
    });
  }

  kill(): void {
    if (this.#link === null) return;
    this.#link = null;
    this.#options.locks.kill(`worker ${this.starts}`);
  }

  tell(event: SyncEvent, user: string | null = 'ann'): void {
    this.#broadcast ??= createBroadcast({
      name: this.#options.name,
      now: this.#options.clock.now,
      setTimer: this.#options.clock.setTimer,
    });
    this.#broadcast.post(user, event);
  }

  close(): void {
    this.kill();
    for (const port of this.#ports) port.close();
    this.#broadcast?.close();
  }

  #start(): Link {
    this.starts += 1;
    const start = this.starts;
    const { name, locks, clock } = this.#options;
    /** A killed worker does not answer any more. */
    const alive =
      <A extends unknown[], T>(method: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        const value = await method(...args);
        return this.#link !== null && start === this.starts ? value : never();
      };
    const { methods } = this;
    return createLink({
      name,
      version: '0',
      origin: 'https://app.test',
      locks: locks.agent(`worker ${start}`),
      setTimer: clock.setTimer,
      state: alive(() => Promise.resolve(this.state)),
      skipWaiting: () => Promise.resolve(),
      live: this.live,
      methods: () => ({
        synchronize: alive(methods.synchronize ?? (() => fine(syncResult('run-1')))),
        cancel: alive(methods.cancel ?? (() => fine(false))),
        requestRun: alive((trigger) => {
          this.triggers.push(trigger);
          return methods.requestRun?.(trigger) ?? fine(false);
        }),
        state: alive(methods.state ?? (() => fine(this.state))),
        whyNotSyncing: alive(methods.whyNotSyncing ?? (() => fine({ type: 'none' }))),
        history: alive(methods.history ?? (() => fine([]))),
        statusOf: alive(methods.statusOf ?? (() => fine({ status: 'synchronized', code: 0, detail: 'clean' }))),
        pending: alive(methods.pending ?? (() => fine({ total: 0, sendable: 0, tables: {}, commands: 0 }))),
        setStatus: alive(methods.setStatus ?? (() => fine({ count: 0, warnings: [] }))),
        query: alive(methods.query ?? (() => fine(queryAnswer([])))),
        setScope: alive(methods.setScope ?? (() => fine(true))),
        clear: alive(methods.clear ?? (() => fine({ cleared: 0, refused: [] }))),
        receive: alive(methods.receive ?? (() => fine({ received: 0, removed: 0, changed: [] }))),
        conflicts: alive(methods.conflicts ?? (() => fine([]))),
        resolve: alive(methods.resolve ?? (() => fine(false))),
        failures: alive(methods.failures ?? (() => fine([]))),
        exportUnsent: alive(methods.exportUnsent ?? (() => fine(''))),
        importUnsent: alive(
          methods.importUnsent ?? (() => fine({ changes: 0, commands: 0, drafts: 0, failures: 0, skipped: 0 })),
        ),
        draft: alive(methods.draft ?? ((table, record) => fine({ table, key: 'v1', record, isNew: true, at: 0 }))),
        drafts: alive(methods.drafts ?? (() => fine([]))),
        commit: alive(methods.commit ?? (() => fine({}))),
        discardDraft: alive(methods.discardDraft ?? (() => fine(false))),
        outcomeOf: alive(methods.outcomeOf ?? never),
        group: alive(methods.group ?? never),
        retry: alive(methods.retry ?? (() => fine(false))),
        discard: alive(methods.discard ?? (() => fine(false))),
        sendAgain: alive(methods.sendAgain ?? (() => fine(false))),
        arrived: alive(methods.arrived ?? (() => fine(false))),
        signIn: alive(methods.signIn ?? (() => fine(true))),
        signOut: alive(methods.signOut ?? (() => fine(true))),
        provideHeaders: alive(methods.provideHeaders ?? (() => fine(true))),
      }),
    });
  }
}
