import type { Encryption } from './encryption.ts';
import { createKeyring } from './keyring.ts';
import { unlockDatabase } from './unlock.ts';

export interface EncryptRecordsOptions {
  /** Rounds of PBKDF2 that make a key of the secret: more make guessing a weak secret dearer. @default 600_000 */
  readonly iterations?: number;
}

/**
 * Encrypts what is stored of records: leaves, column vectors with their bounds, changes, batches, drafts, commands, failures,
 * files, and answers kept for repeats. In clear stay keys, tables, times, counts and statuses, which the database is searched by.
 *
 * Each database has a random key of its own. It is wrapped by WebCrypto (AES-GCM) under a key that PBKDF2 makes of the secret
 * given to `signIn({ user, encryptionKey })`, and is in the worker's memory only. Rows are sealed with XChaCha20-Poly1305 from
 * `@noble/ciphers`, synchronously: a transaction in which WebCrypto is awaited ends in Firefox and WebKit.
 *
 * @example
 * startSync({
 *   name: 'rounds',
 *   version: 1,
 *   tables,
 *   backend: batchBackend({ url: '/sync' }),
 *   encryption: encryptRecords(),
 * });
 */
export function encryptRecords({ iterations = 600_000 }: EncryptRecordsOptions = {}): Encryption {
  const keyring = createKeyring(iterations);
  return { unlock: (request) => unlockDatabase(keyring, request) };
}
