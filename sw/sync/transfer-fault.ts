import { SyncError } from '../protocol/errors.ts';
import { callFor, type ActiveRun } from './session.ts';

/** Faults that concern the whole run, whatever file they were met with. */
const ofTheRun: ReadonlySet<string> = new Set([
  'auth-required',
  'cancelled',
  'no-credentials',
  'protocol-version',
  'quota',
  'storage',
  'storage-blocked',
  'user-changed',
  'user-mismatch',
]);

/** The server's word to come again later (U-09), whatever is asked. */
function isLater({ details }: SyncError): boolean {
  return details['status'] === 429 || details['retryAfterMs'] !== undefined;
}

/** The slice is over; the transfer goes on in the next one from where it is. */
export class SliceOverError extends Error {
  override name = 'SliceOverError';
}

export function isSliceOver({ session, sliceEndsAt }: ActiveRun): boolean {
  return session.environment.isReplaced() || session.environment.now() > sliceEndsAt;
}

/**
 * Tries a transfer, and once more if it failed. Null: it is done. An error: the file's own, so that the run goes on
 * without it. Throws what concerns the run, and whatever it was if the server cannot be reached at all.
 */
export async function tryTwice(active: ActiveRun, transfer: () => Promise<void>): Promise<SyncError | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await transfer();
      return null;
    } catch (error) {
      if (active.signal.aborted || !(error instanceof SyncError)) throw error;
      if (ofTheRun.has(error.code) || isLater(error)) throw error;
      if (attempt === 1) continue;
      try {
        await active.session.backend.ping(await callFor(active.session, active.signal));
      } catch {
        throw error;
      }
      return error;
    }
  }
}
