import { channelName } from '../sw/protocol/api.ts';
import { SyncError, toPlainError } from '../sw/protocol/errors.ts';
import { isEventEnvelope, type SyncEvent } from '../sw/protocol/events.ts';
import type { SynchronizeResult, SyncState } from '../sw/protocol/run.ts';
import { isSyncEvent } from './event-guard.ts';
import { StorageMemory } from './storage-memory.ts';

const historyLimit = 20;

export interface FeedOptions {
  /** What the worker says over the port. */
  readonly readState: () => Promise<SyncState>;
  readonly readHistory: (limit: number) => Promise<readonly SynchronizeResult[]>;
  /** An event that may be believed, or whose content is only a hint for display. */
  readonly onEvent: (event: SyncEvent) => void;
  /** The state was read again. */
  readonly onState: (state: SyncState) => void;
}

/**
 * Events from the channel. Any code of the origin can post there, so the end of a run, a lost database and a sign-in that is
 * wanted are read again over the port, and told as the worker tells them.
 */
export class Feed {
  readonly #options: FeedOptions;
  #channel: BroadcastChannel | null = null;
  #name: string | null = null;
  #state: SyncState | null = null;
  #reading: Promise<SyncState> | null = null;
  #order: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #storage = new StorageMemory();
  /** Who signed in though this page is another user's. */
  #stranger: string | null = null;
  /** The run whose end was told last; a late progress of it is not told. */
  #ended: string | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** The last state that came over the port. Events for another user than its user's are dropped. */
  learn(name: string, state: SyncState): void {
    this.#know(state);
    if (name === this.#name || this.#closed) return;
    this.#channel?.close();
    this.#name = name;
    this.#channel = new BroadcastChannel(channelName(name));
    this.#channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      // In their order, though some are checked; what cannot be checked is not told.
      this.#order = this.#order.then(() => this.#receive(data)).catch(() => undefined);
    });
  }

  /** The state was read over the port for another reason. */
  learnState(state: SyncState): void {
    this.#know(state);
  }

  #know(state: SyncState): void {
    this.#state = state;
    const error = this.#storage.learn(state);
    if (error !== null && !this.#closed) this.#options.onEvent({ type: 'storage-reset', error });
  }

  /** Closing lets the browser keep the page for the back button. */
  pause(): void {
    this.#channel?.close();
    this.#channel = null;
    this.#name = null;
  }

  close(): void {
    this.#closed = true;
    this.pause();
  }

  async #receive(data: unknown): Promise<void> {
    if (!isEventEnvelope(data) || !isSyncEvent(data.event) || this.#state === null) return;
    const { user, event } = data;
    if (event.type === 'state') {
      await this.#receiveState(user, event.state);
      return;
    }
    if (user !== this.#state.user) return;
    const told = await this.#check(event);
    if (told === null || this.#closed) return;
    if (told.type === 'finished') this.#ended = told.result.run;
    this.#options.onEvent(told);
  }

  async #check(event: SyncEvent): Promise<SyncEvent | null> {
    switch (event.type) {
      case 'progress':
        return event.progress.run === this.#ended ? null : event;
      case 'finished': {
        const result = await this.#resultOf(event.result.run);
        return result && { type: 'finished', result };
      }
      case 'auth-required':
        return (await this.#readState()).authRequired ? event : null;
      case 'storage-reset': {
        const { storageReset, ready } = await this.#readState();
        // It was told as the state was read, if not before.
        return storageReset || ready ? null : event;
      }
      default:
        return event;
    }
  }

  async #resultOf(run: string): Promise<SynchronizeResult | null> {
    const { lastResult } = await this.#readState();
    if (lastResult?.run === run) return lastResult;
    const past = await this.#options.readHistory(historyLimit);
    return past.find((result) => result.run === run) ?? null;
  }

  /** Who is signed in, and whether that is enough, is not taken from the channel. */
  async #receiveState(user: string | null, state: SyncState): Promise<void> {
    const known = this.#state;
    const differs = user !== known?.user || state.user !== user || state.authRequired !== known.authRequired;
    // Asked once, a worker that knows the page as another user's says so each time.
    if (differs && user !== null && user === this.#stranger) return;
    try {
      const told = differs ? await this.#readState() : state;
      if (this.#closed) return;
      this.#stranger = null;
      this.#know(told);
      this.#options.onState(told);
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'user-changed' || this.#closed) throw error;
      this.#stranger = user;
      this.#options.onEvent({ type: 'auth-required', error: toPlainError(error) });
    }
  }

  /** One read at a time serves all hints that came before it began. */
  async #readState(): Promise<SyncState> {
    await this.#reading?.catch(() => undefined);
    this.#reading ??= this.#options.readState().finally(() => {
      this.#reading = null;
    });
    const state = await this.#reading;
    this.#know(state);
    return state;
  }
}
