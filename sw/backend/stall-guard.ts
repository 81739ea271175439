import { SyncError } from '../protocol/errors.ts';

/** The slowest line on which a request's body is still waited for: 16 bytes in a millisecond. */
const slowestBytesPerMs = 16;

/** Watches an exchange for silence. */
export interface StallGuard {
  /** Aborted when nothing has come for a while, or when the caller's signal says so. */
  readonly signal: AbortSignal;
  /** Something came. */
  readonly touch: () => void;
  readonly end: () => void;
}

/**
 * Nothing is heard of a body on its way out, so a larger one is given the time that it takes on a slow line: else it would be
 * given up and begun again for ever there.
 */
export function stallGuard(signal: AbortSignal, stallMs: number, sentBytes = 0): StallGuard {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => controller.abort(new SyncError('network', 'The server fell silent.', { retryable: true })),
      ms,
    );
  };
  wait(stallMs + sentBytes / slowestBytesPerMs);
  return {
    signal: controller.signal,
    touch: () => wait(stallMs),
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}
