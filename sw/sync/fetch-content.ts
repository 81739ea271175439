import type { FileOfRecord } from '../backend/backend.ts';
import { SyncError } from '../protocol/errors.ts';
import { createChunker } from '../store/chunker.ts';
import { hashOfChunk, hashOfContent } from '../store/content-hash.ts';
import { chunksOf, isWhole, takeContentNumber } from '../store/contents.ts';
import type { Database } from '../store/database.ts';
import type { ContentRow } from '../store/format.ts';
import { callFor, type ActiveRun } from './session.ts';

/** The row of a content that is coming in: as far as it came before, else a new one. */
async function openPartial(database: Database, { hash, size }: FileOfRecord): Promise<ContentRow> {
  const number = await takeContentNumber(database);
  return database.write(
    ['contents', 'files'],
    async (tx) => {
      const contents = tx.objectStore('contents');
      const old = await contents.get(hash);
      if (old?.size === size) return old;
      if (old !== undefined) await tx.objectStore('files').delete(chunksOf(old.number));
      const row: ContentRow = { hash, number, size, received: 0, digests: [] };
      await contents.put(row);
      return row;
    },
    { durability: 'relaxed' },
  );
}

/** Forgets what came of a content. One that is whole stays. */
export async function dropPartial(database: Database, hash: string): Promise<void> {
  await database.write(
    ['contents', 'files'],
    async (tx) => {
      const row = await tx.objectStore('contents').get(hash);
      if (row === undefined || isWhole(row)) return;
      await Promise.all([
        tx.objectStore('contents').delete(hash),
        tx.objectStore('files').delete(chunksOf(row.number)),
      ]);
    },
    { durability: 'relaxed' },
  );
}

/** Stores one chunk behind the others. False: somebody stored the whole content meanwhile. */
function addChunk(
  database: Database,
  row: ContentRow,
  chunk: ArrayBuffer | null,
  digests: readonly string[],
): Promise<ContentRow | null> {
  return database.write(
    ['contents', 'files'],
    async (tx) => {
      const stored = await tx.objectStore('contents').get(row.hash);
      if (stored?.number !== row.number || stored.received !== row.received) return null;
      const received = row.received + (chunk?.byteLength ?? 0);
      const next: ContentRow = { ...row, received, digests: received === row.size ? [] : digests };
      await tx.objectStore('contents').put(next);
      if (chunk !== null) await tx.objectStore('files').put(chunk, [row.number, digests.length - 1]);
      return next;
    },
    { durability: 'relaxed' },
  );
}

function cut(): SyncError {
  return new SyncError('network', 'A file was cut before its end. It goes on where it stopped.', { retryable: true });
}

async function* bytesFrom(body: AsyncIterable<Uint8Array>, skip: number): AsyncGenerator<Uint8Array> {
  let left = skip;
  for await (const piece of body) {
    const rest = piece.subarray(Math.min(left, piece.byteLength));
    left -= piece.byteLength - rest.byteLength;
    if (rest.byteLength > 0) yield rest;
  }
}

/**
 * Fetches a content chunk by chunk, behind those that came before. It counts as here only when its hash is right: the last
 * chunk is stored when that is known. A content that is another is forgotten, and rejects with `server`.
 */
export async function fetchContent(
  active: ActiveRun,
  file: FileOfRecord,
  tell: (bytes: number) => void,
): Promise<'here' | 'missing'> {
  const { session, signal } = active;
  const { database, backend } = session;
  let row = await openPartial(database, file);
  if (isWhole(row) && row.size > 0) return 'here';
  const answer = await backend.files.fetch(file, row.received, await callFor(session, signal));
  if (answer === null) {
    await dropPartial(database, file.hash);
    return 'missing';
  }
  if (answer.from > row.received) throw cut();
  const digests = [...row.digests];
  const chunker = createChunker();
  const take = async (chunk: ArrayBuffer | null): Promise<boolean> => {
    if (chunk !== null) digests.push(await hashOfChunk(chunk));
    const received = row.received + (chunk?.byteLength ?? 0);
    if (received > row.size || (received === row.size && (await hashOfContent(digests)) !== file.hash)) {
      await dropPartial(database, file.hash);
      throw new SyncError('server', 'The server gave another content than the record names.');
    }
    const next = await addChunk(database, row, chunk, digests);
    if (next === null) return false;
    row = next;
    return true;
  };
  for await (const piece of bytesFrom(answer.body, row.received - answer.from)) {
    signal.throwIfAborted();
    tell(piece.byteLength);
    for (const chunk of chunker.add(piece)) if (!(await take(chunk))) return 'here';
  }
  const rest = chunker.rest();
  if (row.received + (rest?.byteLength ?? 0) < row.size) throw cut();
  if ((rest !== null || row.size === 0) && !(await take(rest))) return 'here';
  return 'here';
}
