import type { AnyTransaction } from './database.ts';
import type { StoreName } from './format.ts';
import type { MetaName } from './meta-values.ts';
import { decodeValue, encodeValue } from './value-bytes.ts';

/** Encrypts and authenticates. `place` says where the bytes belong: opened at another place they are refused. */
export interface Cipher {
  seal(bytes: Uint8Array, place: string): Uint8Array;
  open(bytes: Uint8Array, place: string): Uint8Array;
}

/** These hold keys, counts and positions only, never a field of a record. */
export const clearStores: readonly string[] = ['heads', 'members', 'marks'] satisfies StoreName[];

/** Of the single values this one has answers to requests; the others are wanted before there is a key, or say nothing of records. */
const sealedMeta: MetaName = 'seqWrites';

/** Whether a row is encrypted: all rows are, but for most of the single values. */
function isToBeSealed(row: unknown, store: StoreShape): boolean {
  return store.name !== 'meta' || (typeof row === 'object' && row !== null && 'name' in row && row.name === sealedMeta);
}

/** What keys and indexes need to see of a row; the rest is encrypted. */
interface ClearFields {
  readonly names: ReadonlySet<string>;
  readonly keyed: boolean;
}

type KeyPath = string | readonly string[] | null;

function fieldsOf(path: KeyPath): readonly string[] {
  return path === null ? [] : typeof path === 'string' ? [path] : path;
}

interface StoreShape {
  readonly name: string;
  readonly keyPath: KeyPath;
  readonly indexNames: Iterable<string>;
  index(name: string): { readonly keyPath: KeyPath };
}

const sealedField = 'sealed';

function isSealed(row: unknown): row is { readonly sealed: Uint8Array } {
  return typeof row === 'object' && row !== null && sealedField in row && row.sealed instanceof Uint8Array;
}

function clearFieldsOf(store: StoreShape): ClearFields {
  const indexed = [...store.indexNames].flatMap((name) => fieldsOf(store.index(name).keyPath));
  return { names: new Set([...fieldsOf(store.keyPath), ...indexed]), keyed: store.keyPath !== null };
}

/** Encrypts a row but for what keys and indexes need. Rows without a key of their own are encrypted whole. */
function sealRow(row: unknown, store: StoreShape, cipher: Cipher, clear: ClearFields = clearFieldsOf(store)): unknown {
  if (!isToBeSealed(row, store)) return row;
  if (!clear.keyed || typeof row !== 'object' || row === null)
    return { [sealedField]: cipher.seal(encodeValue(row), store.name) };
  const entries = Object.entries(row);
  const hidden = Object.fromEntries(entries.filter(([name]) => !clear.names.has(name)));
  const open = entries.filter(([name]) => clear.names.has(name));
  return { ...Object.fromEntries(open), [sealedField]: cipher.seal(encodeValue(hidden), store.name) };
}

/** The row that `sealRow` encrypted. A row from before encryption is what it is. */
function openRow(row: unknown, store: StoreShape, cipher: Cipher): unknown {
  if (!isSealed(row)) return row;
  const hidden = decodeValue(cipher.open(row.sealed, store.name));
  if (store.keyPath === null) return hidden;
  const open = Object.entries(row).filter(([name]) => name !== sealedField);
  return Object.fromEntries([...open, ...Object.entries(hidden ?? {})]);
}

const writing: readonly PropertyKey[] = ['put', 'add'];
const reading: readonly PropertyKey[] = ['get', 'getAll'];
const refused: readonly PropertyKey[] = ['openCursor', 'iterate', 'getAllRecords', 'mget'];

type Method = (...parameters: unknown[]) => unknown;

function isMethod(value: unknown): value is Method {
  return typeof value === 'function';
}

/** A view of a store or index whose values are opened on reading and sealed on writing. */
function sealedSource<T extends object>(source: T, store: StoreShape, cipher: Cipher): T {
  const clear = clearFieldsOf(store);
  return new Proxy(source, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (!isMethod(value)) return value;
      // A value cursor would hand out rows as they are stored.
      if (refused.includes(name)) throw new TypeError(`${String(name)} cannot be used on encrypted rows.`);
      if (writing.includes(name)) {
        return (row: unknown, ...rest: unknown[]) =>
          Reflect.apply(value, target, [sealRow(row, store, cipher, clear), ...rest]);
      }
      if (reading.includes(name)) {
        return async (...parameters: unknown[]) => {
          const found: unknown = await Reflect.apply(value, target, parameters);
          return name === 'getAll' && Array.isArray(found)
            ? found.map((row: unknown) => openRow(row, store, cipher))
            : openRow(found, store, cipher);
        };
      }
      if (name === 'index') {
        return (...parameters: unknown[]) => {
          const index: unknown = Reflect.apply(value, target, parameters);
          return typeof index === 'object' && index !== null ? sealedSource(index, store, cipher) : index;
        };
      }
      return (...parameters: unknown[]) => Reflect.apply(value, target, parameters);
    },
  });
}

/**
 * A transaction whose rows are encrypted on disk. Sealing is synchronous on purpose: awaiting WebCrypto inside a transaction
 * ends it in Firefox and WebKit.
 */
export function sealedTransaction<T extends AnyTransaction>(tx: T, cipher: Cipher): T {
  return new Proxy(tx, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'objectStore') {
        return (storeName: StoreName) => {
          const store = target.objectStore(storeName);
          return clearStores.includes(storeName) ? store : sealedSource(store, store, cipher);
        };
      }
      return isMethod(value) ? (...parameters: unknown[]) => Reflect.apply(value, target, parameters) : value;
    },
  });
}
