import { EncryptionKeyError, SyncError } from '../protocol/errors.ts';
import type { Encryption, Secrets, UnlockRequest } from '../store/encryption.ts';
import type { MetaSnapshot } from '../store/meta-values.ts';

export const noSecrets: Secrets = { key: null, previousKey: null };

export function noEncryption(): SyncError {
  return new SyncError(
    'invalid-request',
    'encryptionKey was given, and the app does without startSync({ encryption }). Nobody was signed in.',
  );
}

/**
 * Makes a user's database readable, before anything else uses it.
 *
 * @throws EncryptionKeyError without the right key. Nothing is changed then.
 */
export async function unlock(encryption: Encryption | null, request: UnlockRequest): Promise<void> {
  // Nobody's database holds no record: nobody is refused (G-9).
  if (request.user !== '') await encryption?.unlock(request);
}

/** @throws EncryptionKeyError if the app does without encryption, and the database, of which these are the single values, has a key. */
export function checkReadable(encryption: Encryption | null, stored: MetaSnapshot): void {
  if (encryption !== null || stored.encryption === undefined) return;
  throw new EncryptionKeyError(
    'The local database is encrypted, and this version of the app does without startSync({ encryption }). Nothing was deleted.',
  );
}
