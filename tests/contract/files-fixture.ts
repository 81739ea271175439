import { createHash } from 'node:crypto';
import { type FileReference, isFileReference } from '../../sw/protocol/file.ts';
import { isJsonObject } from '../../sw/protocol/record.ts';
import { readFile, writeFile } from '../../sw/router/file-route.ts';
import type { Table } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see, write } from './engine-fixture.ts';

export const mebibyte: number = 1024 * 1024;

/** Bytes that differ from place to place, and from seed to seed. */
export function bytesOf(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = seed * 2_654_435_761 + 1;
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

/** The hash as the protocol says it, made by other code than the library's. */
export function hashOf(bytes: Uint8Array): string {
  const whole = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += mebibyte) {
    whole.update(
      createHash('sha256')
        .update(bytes.subarray(at, at + mebibyte))
        .digest(),
    );
  }
  return whole.digest('hex');
}

export function photosOf(session: OpenSession): Table {
  const table = session.schema.tables.get('photos');
  if (table === undefined) throw new Error('There is no table of photos.');
  return table;
}

export function context(session: OpenSession): { session: OpenSession; client: string } {
  return { session, client: 'tab' };
}

/** Gives a record its file as a page's PUT does. */
export async function putFile(session: OpenSession, key: string, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  const request = new Request(`https://app.test/api/photos/${key}/content`, {
    method: 'PUT',
    body: bytes,
    headers: { 'Content-Type': 'image/jpeg' },
  });
  return (await writeFile(context(session), photosOf(session), key, request)).response;
}

/** A visit's photo, as taken on this device. */
export async function takePhoto(
  session: OpenSession,
  visitId: string,
  id: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await write(session, 'photos', id, { id, visitId, caption: 'a photo' });
  const answer = await putFile(session, id, bytes);
  if (answer.status !== 200) throw new Error(`The photo was answered ${answer.status}.`);
}

export function getFile(session: OpenSession, key: string, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request(`https://app.test/api/photos/${key}/content`, { headers });
  return readFile(session, photosOf(session), key, request);
}

export async function bytesIn(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

export async function referenceOf(session: OpenSession, key: string): Promise<FileReference | null> {
  const { record } = await see(session, 'photos', key);
  const value = record?.['content'];
  return isJsonObject(value) && isFileReference(value) ? value : null;
}

export async function chunksHere(session: OpenSession): Promise<number> {
  return session.database.read(['files'], (tx) => tx.objectStore('files').count());
}
