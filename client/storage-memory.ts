import { StorageError, toPlainError, type PlainError } from '../sw/protocol/errors.ts';
import type { SyncState } from '../sw/protocol/run.ts';

interface Seen {
  readonly user: string;
  readonly storage: string;
  readonly pending: number;
}

/**
 * What a page remembers of the worker's storage: each loss is told once, and also one that the worker cannot know of since
 * everything of the site was cleared while the page was open.
 */
export class StorageMemory {
  #seen: Seen | null = null;
  #told: string | null = null;

  /** The loss that this state shows and that the page was not told of; null: none. */
  learn(state: SyncState): PlainError | null {
    const { user, storage = null, storageReset = null, pending } = state;
    const seen = this.#seen;
    if (user !== null && user !== '' && storage !== null) this.#seen = { user, storage, pending };
    if (storageReset !== null) {
      const id = JSON.stringify([user, storageReset.details]);
      if (id === this.#told) return null;
      this.#told = id;
      return storageReset;
    }
    if (seen === null || seen.user !== user || storage === null || seen.storage === storage) return null;
    const message =
      'The browser has lost local data of this app. Changes that had not been sent may be gone; all other data is downloaded again.';
    return toPlainError(new StorageError(message, { details: { atLeast: seen.pending } }));
  }
}
