import { EncryptionKeyError, SyncError } from '../protocol/errors.ts';
import type { Encryption, Secrets, UnlockRequest } from '../store/encryption.ts';
import { getMeta } from '../store/meta.ts';

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
 * @throws EncryptionKeyError without the right key, or if the app does without encryption now. Nothing is changed then.
 */
export async function unlock(encryption: Encryption | null, request: UnlockRequest): Promise<void> {
  // Nobody's database holds no record: nobody is refused (G-9).
  if (encryption !== null) return request.user === '' ? undefined : encryption.unlock(request);
  if ((await request.database.read(['meta'], (tx) => getMeta(tx, 'encryption'))) === undefined) return;
  throw new EncryptionKeyError(
    'The local database is encrypted, and this version of the app does without startSync({ encryption }). Nothing was deleted.',
  );
}
