import { liveLock } from '../sw/protocol/api.ts';
import { protocolVersion } from '../sw/protocol/wire.ts';
import type { PageEnvironment } from './environment.ts';
import { readEventNames } from './event-stream.ts';

export const shortestRetryMs = 1_000;
export const longestRetryMs = 60_000;
/** On top of each wait, from none to all of it: when a server comes back, its clients do not come all at once. */
const spreadMs = 40_000;
/** A connection on which nothing came for so long is taken for dead. */
export const silenceLimitMs = 120_000;
/** A page hidden for so long leaves the stream to another. */
export const hiddenLimitMs = 60_000;

export interface LiveFeedOptions {
  /** `startSync`'s name. */
  readonly name: string;
  readonly url: string;
  readonly environment: PageEnvironment;
  readonly headers: () => Readonly<Record<string, string>>;
  /** There is something to download. */
  readonly onChanged: () => void;
}

/**
 * Listens to the server's events while it is the one page that a lock elected. Only visible pages stand for election: a
 * frozen page keeps its locks, and its stream would be silent.
 */
export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #closing = new AbortController();
  #listening: AbortController | null = null;
  #stopHiddenTimer: (() => void) | null = null;
  /** Something may have changed while nobody listened. */
  #missed: boolean;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    const { document, window } = options.environment;
    this.#missed = !options.environment.isOnline();
    const { signal } = this.#closing;
    const look = (): void => {
      this.#look();
    };
    document.addEventListener('visibilitychange', look, { signal });
    window.addEventListener('online', look, { signal });
    window.addEventListener('offline', look, { signal });
    this.#look();
  }

  close(): void {
    this.#closing.abort();
    this.#stopHiddenTimer?.();
    this.#stop();
  }

  #look(): void {
    const { isVisible, isOnline, setTimer } = this.#options.environment;
    this.#stopHiddenTimer?.();
    this.#stopHiddenTimer = null;
    if (!isOnline()) this.#stop();
    else if (isVisible()) this.#start();
    else {
      this.#stopHiddenTimer = setTimer(() => {
        this.#stop();
      }, hiddenLimitMs);
    }
  }

  #stop(): void {
    this.#listening?.abort();
    this.#listening = null;
  }

  #start(): void {
    if (this.#listening !== null) return;
    const listening = new AbortController();
    this.#listening = listening;
    const { signal } = listening;
    const { environment, name } = this.#options;
    // Rejects when it is aborted while it waits for the lock.
    environment.locks.request(liveLock(name), { signal }, () => this.#listen(signal)).catch(() => undefined);
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { random } = this.#options.environment;
    let retryMs = shortestRetryMs;
    while (!signal.aborted) {
      const heard = await this.#readOnce(signal);
      retryMs = heard ? shortestRetryMs : Math.min(retryMs * 2, longestRetryMs);
      await this.#wait(retryMs + random() * spreadMs, signal);
    }
  }

  /** Whether the stream was of use before it ended. */
  async #readOnce(signal: AbortSignal): Promise<boolean> {
    const { url, environment, headers, onChanged } = this.#options;
    const attempt = new AbortController();
    const end = (): void => {
      attempt.abort();
    };
    signal.addEventListener('abort', end);
    let stopTimer = environment.setTimer(end, silenceLimitMs);
    let chunks = 0;
    try {
      const response = await environment.fetch(url, {
        credentials: 'include',
        cache: 'no-store',
        headers: { ...headers(), accept: 'text/event-stream', 'sync-protocol': String(protocolVersion) },
        signal: attempt.signal,
      });
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
      if (!response.ok || !isStream || response.body === null) return false;
      // What changed while the stream was broken was not told.
      if (this.#missed) onChanged();
      const watched = response.body.pipeThrough(
        new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
          transform(chunk, controller) {
            chunks += 1;
            stopTimer();
            stopTimer = environment.setTimer(end, silenceLimitMs);
            controller.enqueue(chunk);
          },
        }),
      );
      await readEventNames(watched, (eventName) => {
        if (eventName === 'changed') onChanged();
      });
    } catch {
      // A stream that broke is opened again.
    } finally {
      this.#missed = true;
      stopTimer();
      signal.removeEventListener('abort', end);
      attempt.abort();
    }
    // The first one only greets.
    return chunks > 1;
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        stopTimer();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const stopTimer = this.#options.environment.setTimer(end, delayMs);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });
  }
}
