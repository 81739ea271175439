import type { Database, WriteTransaction } from './database.ts';
import type { ContentRow } from './format.ts';
import { createChunker } from './chunker.ts';
import { hashOfChunk, hashOfContent } from './content-hash.ts';
import { takeNumbers } from './meta.ts';
import { chunkBytes } from '../protocol/file.ts';
import { SyncError } from '../protocol/errors.ts';

/** A content whose chunks are on disk, but which nothing names yet. */
export interface StoredContent {
  readonly number: number;
  readonly hash: string;
  readonly size: number;
}

export function isWhole(row: ContentRow | undefined): boolean {
  return row !== undefined && row.received === row.size;
}

/** The content of this hash, if all of it is here. */
export async function findContent(database: Database, hash: string): Promise<ContentRow | null> {
  const row = await database.read(['contents'], (tx) => tx.objectStore('contents').get(hash));
  return row !== undefined && isWhole(row) ? row : null;
}

/** A number for chunks. Who writes under it holds `chunksLock` of it, so that the sweep leaves them. */
export function takeContentNumber(database: Database): Promise<number> {
  return database.write(['meta'], (tx) => takeNumbers(tx, 'number', 1), { durability: 'relaxed' });
}

export function chunksLock(database: Database, number: number): string {
  return `holdfast:${database.name}:chunks:${number}`;
}

/** All chunks under a number. */
export function chunksOf(number: number): IDBKeyRange {
  return IDBKeyRange.bound([number, 0], [number, Number.MAX_SAFE_INTEGER]);
}

/**
 * Stores what comes as chunks, one at a time, each on disk before the next is taken: no more of it is in memory. Nothing
 * names them when it settles. Killed anywhere, it leaves chunks that the sweep finds.
 */
export async function storeChunks(
  database: Database,
  number: number,
  pieces: AsyncIterable<Uint8Array>,
  { maxBytes }: { readonly maxBytes: number },
): Promise<StoredContent> {
  const chunker = createChunker();
  const digests: string[] = [];
  let size = 0;
  const put = async (chunk: ArrayBuffer): Promise<void> => {
    const digest = await hashOfChunk(chunk);
    await database.write(['files'], async (tx) => {
      await tx.objectStore('files').put(chunk, [number, digests.length]);
    });
    digests.push(digest);
  };
  try {
    for await (const piece of pieces) {
      size += piece.byteLength;
      if (size > maxBytes) {
        throw new SyncError('too-large', `The file is larger than ${maxBytes} bytes. Nothing was stored.`, {
          details: { maxBytes },
        });
      }
      for (const chunk of chunker.add(piece)) await put(chunk);
    }
    const rest = chunker.rest();
    if (rest !== null) await put(rest);
  } catch (error) {
    await dropChunks(database, number).catch(() => undefined);
    throw error;
  }
  return { number, hash: await hashOfContent(digests), size };
}

async function dropChunks(database: Database, number: number): Promise<void> {
  await database.write(['files'], (tx) => tx.objectStore('files').delete(chunksOf(number)), { durability: 'relaxed' });
}

/** Scope of `nameContent`. */
export const contentScope: readonly ['contents', 'files'] = ['contents', 'files'];

/**
 * Makes stored chunks the content of their hash, in the transaction that stores the record's reference. The same content is
 * kept once: where there is one already, these chunks go.
 */
export async function nameContent(tx: WriteTransaction, content: StoredContent): Promise<void> {
  const { number, hash, size } = content;
  const contents = tx.objectStore('contents');
  const old = await contents.get(hash);
  if (old?.number === number) return;
  if (isWhole(old)) {
    await tx.objectStore('files').delete(chunksOf(number));
    return;
  }
  // A download of the same content was under way.
  if (old !== undefined) await tx.objectStore('files').delete(chunksOf(old.number));
  await contents.put({ hash, number, size, received: size, digests: [] });
}

/** One chunk of a content that is here. */
export async function readChunk(database: Database, content: ContentRow, index: number): Promise<ArrayBuffer> {
  const chunk = await database.read(['files'], (tx) => tx.objectStore('files').get([content.number, index]));
  if (chunk === undefined) {
    throw new SyncError('not-held', 'The file was removed while it was read.', { retryable: true });
  }
  return chunk;
}

/** The bytes from `start` to before `end`, read chunk by chunk as they are taken. */
export function streamContent(
  database: Database,
  content: ContentRow,
  { start, end }: { readonly start: number; readonly end: number },
): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream(
    {
      pull: async (controller) => {
        if (at >= end) {
          controller.close();
          return;
        }
        const index = Math.floor(at / chunkBytes);
        const chunk = await readChunk(database, content, index);
        const from = at - index * chunkBytes;
        const piece = new Uint8Array(chunk, from, Math.min(chunk.byteLength - from, end - at));
        at += piece.byteLength;
        controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
}
