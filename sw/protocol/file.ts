import { isJsonObject } from './record.ts';

/** Contents are stored, sent and hashed in pieces of this size, the last one shorter. */
export const chunkBytes: number = 1024 * 1024;

/** What a record says of its file. The content itself lives outside the records, under its hash. */
export interface FileReference {
  /** SHA-256, in hex, over the SHA-256s of the content's chunks one after the other. */
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
  /** The media type. */
  readonly type: string;
  readonly name?: string;
}

export function isContentHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

export function isFileReference(value: unknown): value is FileReference {
  if (!isJsonObject(value)) return false;
  const { hash, size, type, name } = value;
  if (!isContentHash(hash) || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return false;
  return typeof type === 'string' && (name === undefined || typeof name === 'string');
}

export function chunkCount(size: number): number {
  return Math.ceil(size / chunkBytes);
}
