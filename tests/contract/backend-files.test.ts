import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, FileOfRecord } from '../../sw/backend/backend.ts';
import { batchBackend } from '../../sw/backend/batch-backend.ts';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import { callAs, contextAt } from './backend-fixture.ts';
import { bytesOf, hashOf, mebibyte } from './files-fixture.ts';
import { Fixture, type User } from './server-fixture.ts';

const backends: readonly (readonly [string, 'embedded' | 'postgresql', () => Backend])[] = [
  ['batchBackend', 'embedded', () => batchBackend()],
  ['batchBackend', 'postgresql', () => batchBackend()],
  ['restBackend, whole', 'embedded', () => restBackend()],
  ['restBackend, chunks', 'postgresql', () => restBackend({ fileUpload: 'chunks' })],
];

let seed = 1000;

describe.each(backends)('the contents of files over %s on %s', (name, kind, make) => {
  const fixture = new Fixture(kind);
  beforeAll(() => fixture.start({ maxFileBytes: 4 * mebibyte }));
  afterAll(() => fixture.stop());

  const connect = (
    fetchOf: (input: string, init?: RequestInit) => Promise<Response> = (input, init) => fetch(input, init),
  ): ReturnType<Backend['connect']>['files'] => make().connect(contextAt(fixture.server.url, fetchOf)).files;

  function newFile(size: number): { readonly bytes: Uint8Array<ArrayBuffer>; readonly file: FileOfRecord } {
    const bytes = bytesOf(size, (seed += 1));
    return { bytes, file: { table: 'photos', key: randomUUID(), hash: hashOf(bytes), size, type: 'image/png' } };
  }

  async function send(
    bytes: Uint8Array<ArrayBuffer>,
    file: FileOfRecord,
    { files = connect(), from = 0 }: { files?: ReturnType<typeof connect>; from?: number } = {},
  ): Promise<number[]> {
    const told: number[] = [];
    await files.send(
      file,
      { chunk: (index) => Promise.resolve(bytes.slice(index * mebibyte, (index + 1) * mebibyte).buffer) },
      { from, onSent: (sent) => told.push(sent), call: callAs('ana') },
    );
    return told;
  }

  /** The record that names the content, so that it can be read at the record's address too. */
  async function nameIt(file: FileOfRecord, user: User = 'ana'): Promise<void> {
    const visit = randomUUID();
    await fixture.request('POST', '/api/visits', { user, body: { id: visit, note: 'a visit' } });
    const { hash, size, type } = file;
    const body = { id: file.key, visitId: visit, content: { hash, size, type } };
    expect((await fixture.request('POST', '/api/photos', { user, body })).status).toBe(201);
  }

  async function fetched(file: FileOfRecord, from = 0, user: User = 'ana'): Promise<Buffer | null> {
    const answer = await connect().fetch(file, from, callAs(user));
    if (answer === null) return null;
    expect(answer.from).toBe(from);
    const pieces: Uint8Array[] = [];
    for await (const piece of answer.body) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  it('are asked for, sent, and given back byte for byte, from any byte on', async () => {
    const { bytes, file } = newFile(2 * mebibyte + 9);
    expect(await connect().received([file], callAs('ana'))).toEqual([0]);
    const told = await send(bytes, file);
    expect(told.at(-1)).toBe(file.size);
    expect(await connect().received([file], callAs('ana'))).toEqual([file.size]);
    await nameIt(file);
    expect((await fetched(file))?.equals(bytes)).toBe(true);
    expect((await fetched(file, mebibyte + 3))?.equals(bytes.subarray(mebibyte + 3))).toBe(true);
  });

  it('may be sent once more without harm', async () => {
    const { bytes, file } = newFile(mebibyte + 1);
    await send(bytes, file);
    await send(bytes, file);
    expect(await connect().received([file], callAs('ana'))).toEqual([file.size]);
  });

  it('may be empty', async () => {
    const { bytes, file } = newFile(0);
    await send(bytes, file);
    await nameIt(file);
    expect((await fetched(file))?.byteLength).toBe(0);
  });

  it('go on where the server is, or start again where it keeps no pieces (X-01)', async () => {
    const isWhole = name === 'restBackend, whole';
    const { bytes, file } = newFile(3 * mebibyte);
    let puts = 0;
    const files = connect(async (input, init) => {
      if (init?.method !== 'PUT') return fetch(input, init);
      puts += 1;
      if (puts === (isWhole ? 1 : 3)) throw new TypeError('connection closed');
      return fetch(input, init);
    });
    await expect(send(bytes, file, { files })).rejects.toMatchObject({ code: 'network' });
    const [from = 0] = await connect().received([file], callAs('ana'));
    expect(from).toBe(isWhole ? 0 : 2 * mebibyte);
    expect(await send(bytes, file, { from })).toEqual([3 * mebibyte]);
    await nameIt(file);
    expect((await fetched(file))?.equals(bytes)).toBe(true);
  });

  it('that are another than their name says are refused, and so is what is too large', async () => {
    const { file } = newFile(mebibyte);
    const other = bytesOf(mebibyte, (seed += 1));
    await expect(send(other, file)).rejects.toMatchObject({ retryable: false });
    expect(await connect().received([file], callAs('ana'))).toEqual([0]);
    const large = newFile(4 * mebibyte + 1);
    await expect(send(large.bytes, large.file)).rejects.toMatchObject({ details: { status: 413 } });
  });

  it('are null where the server has none, or none for this user (invariant 12)', async () => {
    const { bytes, file } = newFile(mebibyte);
    expect(await fetched(file)).toBeNull();
    await send(bytes, file);
    await nameIt(file);
    expect(await fetched(file, 0, 'ben')).toBeNull();
    expect(await connect().received([file], callAs('ben'))).toEqual([0]);
  });
});
