import { problemMessage } from './api.ts';

export type Loaded<T> =
  | { readonly type: 'loading' }
  | { readonly type: 'ready'; readonly value: T }
  | { readonly type: 'failed'; readonly message: string };

export interface Loader<T> {
  readonly current: Loaded<T>;
  /** The same question again: waits for the reading under way, so that frequent changes cannot starve it. */
  readonly refresh: () => void;
  /** Another question: gives up the reading under way. */
  readonly restart: () => void;
  readonly close: () => void;
}

/** Reads for a page: keeps showing the last answer while a newer one is under way. */
export function createLoader<T>(read: (signal: AbortSignal) => Promise<T>, draw: () => void): Loader<T> {
  let current: Loaded<T> = { type: 'loading' };
  let reading: AbortController | null = null;
  let asked = 0;
  let closed = false;

  const start = async (): Promise<void> => {
    const controller = new AbortController();
    reading = controller;
    const answering = asked;
    let next: Loaded<T>;
    try {
      next = { type: 'ready', value: await read(controller.signal) };
    } catch (error) {
      next = { type: 'failed', message: problemMessage(error) };
    }
    if (controller.signal.aborted) return;
    reading = null;
    current = next;
    draw();
    if (answering !== asked) void start();
  };

  return {
    get current() {
      return current;
    },
    refresh() {
      if (closed) return;
      asked += 1;
      if (reading === null) void start();
    },
    restart() {
      if (closed) return;
      reading?.abort();
      void start();
    },
    close() {
      closed = true;
      reading?.abort();
    },
  };
}
