import { createHash, randomUUID } from 'node:crypto';
import { chunkBytes } from '../../../sw/protocol/file.ts';
import { integerOf, type Queryable, textOf } from '../database/database.ts';
import type { ServerContext } from '../http/environment.ts';

export interface IncomingChunk {
  readonly user: string;
  readonly hash: string;
  /** The `Content-Range`. */
  readonly range: string;
  readonly bytes: Uint8Array;
}

export type Received =
  | { readonly type: 'stored'; readonly received: number }
  | {
      readonly type: 'refused';
      readonly status: 400 | 409 | 413 | 422;
      readonly code: 'invalid-request' | 'offset' | 'too-large' | 'hash';
      readonly message: string;
      readonly received: number;
    };

interface Range {
  readonly from: number;
  readonly size: number;
}

/** A range that is one chunk, or an empty content. */
function parseRange(text: string, bytes: number): Range | null {
  if (text === 'bytes */0') return bytes === 0 ? { from: 0, size: 0 } : null;
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(text);
  if (match === null) return null;
  const [from, last, size] = match.slice(1).map(Number);
  if (from === undefined || last === undefined || size === undefined) return null;
  const isChunk = from % chunkBytes === 0 && last - from + 1 === bytes && bytes > 0 && last < size;
  return isChunk && (bytes === chunkBytes || last === size - 1) ? { from, size } : null;
}

type Refusal = Extract<Received, { readonly type: 'refused' }>;

function refused(status: Refusal['status'], code: Refusal['code'], message: string, received = 0): Refusal {
  return { type: 'refused', status, code, message, received };
}

function tooLarge(limit: number): Refusal {
  return refused(413, 'too-large', `A file may have ${limit} bytes.`);
}

async function hashOfChunks(tx: Queryable, user: string, hash: string): Promise<string> {
  const rows = await tx.query(
    'select digest from sync_file_chunks where user_name = $1 and hash = $2 order by position',
    [user, hash],
  );
  const whole = createHash('sha256');
  for (const row of rows) whole.update(textOf(row, 'digest'), 'hex');
  return whole.digest('hex');
}

/**
 * Stores one chunk behind those that are there. Repeating it is safe; one that comes too early is refused with how much is
 * here. A content counts as here only once its hash is right.
 */
export async function addChunk(server: ServerContext, chunk: IncomingChunk): Promise<Received> {
  const { user, hash, bytes } = chunk;
  const { maxFileBytes } = server;
  const range = parseRange(chunk.range, bytes.byteLength);
  if (range === null) return refused(400, 'invalid-request', 'The Content-Range is not that of one chunk.');
  const { from, size } = range;
  if (size > maxFileBytes) return tooLarge(maxFileBytes);
  const digest = createHash('sha256').update(bytes).digest('hex');
  return server.database.transaction(async (tx): Promise<Received> => {
    await tx.query(
      'insert into sync_files (user_name, hash, size, received) values ($1, $2, $3, $4) on conflict do nothing',
      [user, hash, size, size === 0 ? -1 : 0],
    );
    const [row] = await tx.query(
      'select size::int as size, received::int as received from sync_files where user_name = $1 and hash = $2 for update',
      [user, hash],
    );
    const received = integerOf(row, 'received');
    // The hash belongs to one content alone, so a size that is another is a client's mistake.
    if (integerOf(row, 'size') !== size)
      return refused(422, 'hash', 'This content was said to have another size.', received);
    if (received >= from + bytes.byteLength && received >= 0) return { type: 'stored', received };
    if (size > 0 && received !== from) return refused(409, 'offset', `${received} bytes are here.`, received);
    if (size > 0) {
      await tx.query(
        'insert into sync_file_chunks (user_name, hash, position, digest, bytes) values ($1, $2, $3, $4, $5)',
        [user, hash, from / chunkBytes, digest, Buffer.from(bytes)],
      );
    }
    const now = from + bytes.byteLength;
    if (now === size && (await hashOfChunks(tx, user, hash)) !== hash) {
      await tx.query('delete from sync_files where user_name = $1 and hash = $2', [user, hash]);
      return refused(422, 'hash', 'The content has another hash than was said. Nothing of it was kept.');
    }
    await tx.query('update sync_files set received = $3, at = now() where user_name = $1 and hash = $2', [
      user,
      hash,
      now,
    ]);
    return { type: 'stored', received: now };
  });
}

async function* chunksOf(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = stream?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    waiting.push(read.value);
    length += read.value.byteLength;
    if (length < chunkBytes) continue;
    const bytes = Buffer.concat(waiting);
    for (let at = 0; at + chunkBytes <= length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    const rest = bytes.subarray(length - (length % chunkBytes));
    waiting = [rest];
    length = rest.byteLength;
  }
  if (length > 0) yield Buffer.concat(waiting);
}

/**
 * Stores a content that comes in one piece, as chunks under a name of its own until its hash is known. `expected`: what the
 * client says that the hash is, or null.
 */
export async function addWhole(
  { database, maxFileBytes }: ServerContext,
  user: string,
  body: ReadableStream<Uint8Array> | null,
  expected: string | null,
): Promise<{ readonly type: 'stored'; readonly hash: string; readonly size: number } | Refusal> {
  const name = `incoming-${randomUUID()}`;
  const whole = createHash('sha256');
  let size = 0;
  let position = 0;
  await database.query('insert into sync_files (user_name, hash, size, received) values ($1, $2, -1, 0)', [user, name]);
  const drop = (): Promise<unknown> =>
    database.query('delete from sync_files where user_name = $1 and hash = $2', [user, name]);
  try {
    for await (const bytes of chunksOf(body)) {
      size += bytes.byteLength;
      if (size > maxFileBytes) {
        await drop();
        return tooLarge(maxFileBytes);
      }
      const digest = createHash('sha256').update(bytes).digest();
      whole.update(digest);
      await database.query(
        'insert into sync_file_chunks (user_name, hash, position, digest, bytes) values ($1, $2, $3, $4, $5)',
        [user, name, position, digest.toString('hex'), bytes],
      );
      position += 1;
    }
  } catch (error) {
    await drop();
    throw error;
  }
  const hash = whole.digest('hex');
  if (expected !== null && expected !== hash) {
    await drop();
    return refused(422, 'hash', 'The content has another hash than was said.');
  }
  await database.transaction(async (tx) => {
    const [row] = await tx.query(
      'select (received = size) as whole from sync_files where user_name = $1 and hash = $2 for update',
      [user, hash],
    );
    const doomed = row?.['whole'] === true ? name : hash;
    await tx.query('delete from sync_files where user_name = $1 and hash = $2', [user, doomed]);
    await tx.query(
      'update sync_files set hash = $3, size = $4, received = $4, at = now() where user_name = $1 and hash = $2',
      [user, name, hash, size],
    );
  });
  return { type: 'stored', hash, size };
}
