import { isRunLock, type ConnectedMessage, type PageOptions, type SignInOptions } from '../sw/protocol/api.ts';
import { CancelledError, PartialSynchronizationError } from '../sw/protocol/errors.ts';
import type { SyncEvent } from '../sw/protocol/events.ts';
import type { Progress, SynchronizeResult, SyncObstacle, SyncState } from '../sw/protocol/run.ts';
import type { Failure } from '../sw/protocol/status.ts';
import type { SignOutOptions } from '../sw/protocol/unsent.ts';
import type { WorkerCall } from './connection.ts';
import type { PageEnvironment } from './environment.ts';
import { Feed } from './feed.ts';
import { Link } from './link.ts';
import { LiveSubscription } from './live-subscription.ts';
import { LocalWork } from './local-work.ts';
import { Revival } from './revival.ts';
import { SignIn } from './sign-in.ts';
import type { SyncClient, SynchronizeCallOptions } from './sync-client.ts';
import { Triggers } from './triggers.ts';
import type { WorkerSource } from './worker-source.ts';

export interface ConnectedClientOptions {
  readonly workers: WorkerSource;
  readonly environment: PageEnvironment;
}

/** Wires link, feed, triggers and live subscription together. */
export class ConnectedClient extends LocalWork implements SyncClient {
  readonly ready: Promise<void>;
  readonly #options: ConnectedClientOptions;
  readonly #link: Link;
  readonly #feed: Feed;
  readonly #triggers: Triggers;
  readonly #revival: Revival;
  readonly #signIn: SignIn;
  readonly #live: LiveSubscription;
  readonly #abort = new AbortController();
  readonly #endings: (() => void)[];
  #becomeReady: () => void = () => undefined;
  #run: string | null = null;
  /** `startSync`'s, once connected. */
  #name = '';
  #updating: Promise<boolean> | null = null;
  #asksOnConnect = true;

  constructor(options: ConnectedClientOptions) {
    super();
    const { workers, environment } = options;
    this.#options = options;
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#abort.signal.addEventListener('abort', () => {
        reject(new CancelledError('The connection was closed before the first download was complete.'));
      });
    });
    // Whoever awaits it gets the error; nobody has to.
    this.ready.catch(() => undefined);
    this.#link = new Link({
      workers,
      environment,
      onConnected: (message) => {
        this.#connected(message);
      },
      onLost: () => {
        // A run that was asked for may be open in the journal, and its begin not told.
        if (this.#run !== null || this.#triggers.isUnderWay) this.#revival.schedule();
      },
    });
    this.#feed = new Feed({
      readState: () => this.#link.read((worker) => worker.state()),
      readHistory: (limit) => this.#link.read((worker) => worker.history({ limit })),
      onEvent: (event) => {
        this.#tell(event);
      },
      onState: (state) => {
        this.#learn(state);
        this.tell({ type: 'state', state });
      },
    });
    this.#triggers = new Triggers({
      environment,
      requestRun: (trigger) => this.#link.call((worker) => worker.requestRun(trigger)),
      onAnswered: () => {
        if (this.#run === null) this.#revival.reset();
      },
    });
    this.#revival = new Revival({
      environment,
      revive: () => {
        this.#asksOnConnect = true;
        return this.#link.connect();
      },
    });
    this.#signIn = new SignIn({
      link: this.#link,
      refresh: () => this.#refresh(),
      onSignedIn: () => {
        this.#triggers.request('start');
      },
      onStranger: () => {
        this.#live.close();
      },
    });
    this.#live = new LiveSubscription({
      environment,
      headers: () => this.#signIn.headers,
      onChanged: () => {
        this.#triggers.request('live');
      },
    });
    this.#endings = [
      workers.onChange(() => {
        this.#link.retire();
      }),
      workers.onWaiting(() => {
        this.tell({ type: 'update-waiting' });
      }),
    ];
    this.#keepForBackButton();
  }

  /** Makes the first connection. Events wait until whoever gets the client could listen. */
  async open(): Promise<void> {
    const { workers, environment } = this.#options;
    await this.#link.connect();
    await workers.waitForControl();
    environment.setTimer(() => {
      this.release();
    }, 0);
  }

  async synchronize(options: SynchronizeCallOptions = {}): Promise<SynchronizeResult> {
    const { signal, onProgress, ...plain } = options;
    const call = this.#options.environment.newId();
    const others = plain.onBusy === 'queue' ? this.#run : null;
    const progress = ({ detail }: CustomEvent<Progress>): void => {
      if (detail.run !== others) onProgress?.(detail);
    };
    const cancel = (): void => {
      // Whatever becomes of it, the call itself settles.
      this.#link.call((worker) => worker.cancel(call)).catch(() => undefined);
    };
    if (signal?.aborted) throw new CancelledError('The call was cancelled before it began.', { cause: signal.reason });
    signal?.addEventListener('abort', cancel);
    if (onProgress) this.addEventListener('progress', progress);
    try {
      const result = await this.#link.call((worker) => worker.synchronize(call, plain));
      if (result.outcome === 'partial' && plain.onPartial !== 'return') throw partial(result);
      return result;
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.removeEventListener('progress', progress);
    }
  }

  cancel(): Promise<boolean> {
    return this.#link.call((worker) => worker.cancel(null));
  }

  async isSyncing(): Promise<boolean> {
    return (await this.state()).syncing;
  }

  whyNotSyncing(): Promise<SyncObstacle> {
    return this.#link.read((worker) => worker.whyNotSyncing());
  }

  state(): Promise<SyncState> {
    return this.#link.read((worker) => worker.state());
  }

  history(options: PageOptions = {}): Promise<readonly SynchronizeResult[]> {
    return this.#link.read((worker) => worker.history(options));
  }

  protected override call<T>(call: WorkerCall<T>): Promise<T> {
    return this.#link.call(call);
  }

  protected override read<T>(call: WorkerCall<T>): Promise<T> {
    return this.#link.read(call);
  }

  failures(options: PageOptions = {}): Promise<readonly Failure[]> {
    return this.#link.read((worker) => worker.failures(options));
  }

  signIn(options: SignInOptions): Promise<boolean> {
    return this.#signIn.signIn(options);
  }

  signOut(options: SignOutOptions = {}): Promise<boolean> {
    return this.#signIn.signOut(options);
  }

  update(): Promise<boolean> {
    // A second call would find nothing that waits any more, and tell so.
    this.#updating ??= this.#options.workers
      .takeWaiting(() => this.#isAtWork())
      .finally(() => {
        this.#updating = null;
      });
    return this.#updating;
  }

  persist(): Promise<boolean> {
    return this.#options.environment.persist();
  }

  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.silence();
    this.closeLives();
    for (const end of this.#endings) end();
    this.#live.close();
    this.#triggers.close();
    this.#revival.close();
    this.#feed.close();
    this.#link.close();
  }

  protected wrote(): void {
    this.#triggers.request('write');
  }

  async #isAtWork(): Promise<boolean> {
    const { held = [] } = await this.#options.environment.locks.query();
    if (this.#abort.signal.aborted) throw new CancelledError('The connection was closed before the update.');
    // What was asked for a run has no lock yet.
    return this.#triggers.isUnderWay || held.some((lock) => isRunLock(lock.name ?? '', this.#name));
  }

  #connected({ name, state, live = null }: ConnectedMessage): void {
    this.#name = name;
    this.#feed.learn(name, state);
    this.#live.listen(name, live, state.user);
    this.#learn(state);
    this.tell({ type: 'state', state });
    if (state.locked === true) this.#signIn.provide();
    if (state.run !== null) {
      const { id, mode, trigger } = state.run;
      this.tell({ type: 'started', run: id, mode, trigger });
      if (state.progress !== null) this.tell({ type: 'progress', progress: state.progress });
    }
    if (this.#asksOnConnect || state.syncing || state.pending > 0) this.#triggers.request('start');
    this.#asksOnConnect = false;
    this.refreshLives();
  }

  async #refresh(): Promise<void> {
    const state = await this.state();
    this.#feed.learnState(state);
    this.#learn(state);
    this.tell({ type: 'state', state });
  }

  #learn(state: SyncState): void {
    this.#live.listenAs(state.user);
    this.#run = state.syncing ? (state.run?.id ?? this.#run) : null;
    this.#triggers.learnPending(state.pending);
    if (state.ready) this.#becomeReady();
  }

  #tell(event: SyncEvent): void {
    if (event.type === 'credentials-wanted') this.#signIn.provide();
    if (event.type === 'started') this.#run = event.run;
    if (event.type === 'progress') this.#run = event.progress.run;
    if (event.type === 'finished') this.#run = null;
    if (event.type === 'progress' || event.type === 'finished') this.#revival.reset();
    if (event.type === 'pending') this.#triggers.learnPending(event.pending);
    this.tell(event);
  }

  /** Locks and open channels keep a page out of the browser's back-forward cache, so they are given up on leaving. */
  #keepForBackButton(): void {
    const { window } = this.#options.environment;
    const { signal } = this.#abort;
    const leave = (): void => {
      this.#link.drop();
      this.#feed.pause();
      this.#live.close();
    };
    const comeBack = (event: Event): void => {
      if (!('persisted' in event) || event.persisted !== true) return;
      this.#link.connect().catch(() => undefined);
    };
    window.addEventListener('pagehide', leave, { signal });
    window.addEventListener('pageshow', comeBack, { signal });
  }
}

function partial(result: SynchronizeResult): PartialSynchronizationError {
  const message = `The server did not take ${result.failed} of the changes. Look at failures().`;
  return new PartialSynchronizationError(message, { details: { result } });
}
