import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { RowCodec } from './database.ts';
import { EncryptionKeyError, StorageError } from '../protocol/errors.ts';
import type { KeySlot } from './key-slot.ts';
import { sealedTransaction, type Cipher } from './sealed-transaction.ts';

type Derivation = Pick<KeySlot, 'salt' | 'iterations'>;

const keyBytes = 32;
const nonceBytes = 24;

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

function cipherFrom(key: Uint8Array): Cipher {
  const context = new TextEncoder();
  return {
    seal: (bytes, place) => {
      const nonce = randomBytes(nonceBytes);
      const sealed = xchacha20poly1305(key, nonce, context.encode(place)).encrypt(bytes);
      const row = new Uint8Array(nonceBytes + sealed.length);
      row.set(nonce);
      row.set(sealed, nonceBytes);
      return row;
    },
    open: (row, place) => {
      const nonce = row.subarray(0, nonceBytes);
      try {
        return xchacha20poly1305(key, nonce, context.encode(place)).decrypt(row.subarray(nonceBytes));
      } catch (error) {
        throw new StorageError(
          'A stored row cannot be decrypted: it was damaged, or written under another key. Nothing was deleted.',
          { cause: error },
        );
      }
    },
  };
}

/** What makes, wraps and opens the keys of databases. */
export interface Keyring {
  /** A new database's key, under a secret. */
  createSlot(secret: string): Promise<KeySlot>;
  /** @throws EncryptionKeyError if the secret is not the one under which the slot was made. */
  unlock(slot: KeySlot, secret: string): Promise<RowCodec>;
  /** The same database key under another secret; no row has to be written again. */
  rewrap(slot: KeySlot, secrets: { readonly from: string; readonly to: string }): Promise<KeySlot>;
}

export function createKeyring(iterations: number): Keyring {
  const wrappingKey = async (secret: string, { salt, iterations: rounds }: Derivation): Promise<CryptoKey> => {
    const bytes = new TextEncoder().encode(secret);
    const material = await crypto.subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveKey']);
    const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: rounds };
    const use: KeyUsage[] = ['encrypt', 'decrypt'];
    return crypto.subtle.deriveKey(parameters, material, { name: 'AES-GCM', length: 256 }, false, use);
  };

  const wrap = async (key: Uint8Array<ArrayBuffer>, secret: string): Promise<KeySlot> => {
    const derivation = { salt: randomBytes(16), iterations };
    const iv = randomBytes(12);
    const wrapped = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await wrappingKey(secret, derivation), key);
    return { version: 1, ...derivation, iv, wrapped: new Uint8Array(wrapped) };
  };

  const unwrap = async (slot: KeySlot, secret: string): Promise<Uint8Array<ArrayBuffer>> => {
    const key = await wrappingKey(secret, slot);
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: slot.iv }, key, slot.wrapped));
    } catch (error) {
      throw new EncryptionKeyError(
        'This is not the key under which the local database was encrypted. Sign in with that key; nothing was deleted.',
        { cause: error },
      );
    }
  };

  return {
    createSlot: (secret) => wrap(randomBytes(keyBytes), secret),
    unlock: async (slot, secret) => {
      const cipher = cipherFrom(await unwrap(slot, secret));
      return (tx) => sealedTransaction(tx, cipher);
    },
    rewrap: async (slot, { from, to }) => wrap(await unwrap(slot, from), to),
  };
}
