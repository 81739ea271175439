import type { MetaValues } from '../store/meta-values.ts';
import type { SyncError } from '../protocol/errors.ts';

export type Backoff = MetaValues['backoff'];

const firstDelayMs = 1_000;
const longestDelayMs = 5 * 60 * 1000;

/**
 * When to try again after a fault (U-09): exponential with full jitter, or what the server's `Retry-After` says, with up to a
 * tenth on top so that not all clients come at once. The time is stored, not slept. Pure.
 */
export function nextBackoff(
  last: Backoff | null,
  error: SyncError,
  clock: { readonly now: number; readonly random: number },
): Backoff {
  const attempts = (last?.attempts ?? 0) + 1;
  const { retryAfterMs } = error.details;
  const delay =
    typeof retryAfterMs === 'number'
      ? retryAfterMs * (1 + clock.random / 10)
      : Math.min(firstDelayMs * 2 ** Math.min(attempts - 1, 20), longestDelayMs) * clock.random;
  return { until: clock.now + Math.round(delay), attempts, code: error.code };
}

/** A clock that went back must not make us wait longer than the longest delay there is. */
export function isWaiting(backoff: Backoff | null, now: number): boolean {
  if (backoff === null || backoff.until <= now) return false;
  return backoff.until - now <= 66 * 60 * 1000;
}
