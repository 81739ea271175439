import { setMaxListeners } from 'node:events';

/**
 * Combined signals that a world's end frees: Node keeps each one that was listened to until it is aborted, and with it the world
 * of the worker that listened.
 */
export function installSignals(): void {
  setMaxListeners(0);
  AbortSignal.any = (signals) => {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
    }
    return controller.signal;
  };
}
