import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import { Device } from './engine-fixture.ts';
import { bytesOf, hashOf, putFile, takePhoto } from './files-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** Answers for the files as a plain server does: each address keeps what was put there last, once for each idempotency key. */
function fileServer(device: Device): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const known = new Set<string>();
  device.network = async (path, forward, headers, method, body) => {
    if (!path.endsWith('/content')) return forward();
    const hash = files.get(path);
    if (method === 'HEAD') {
      return new Response(null, hash === undefined ? { status: 404 } : { headers: { ETag: `"${hash}"` } });
    }
    // The server of the tests has to know the content that a record names.
    await forward();
    const key = headers.get('Idempotency-Key') ?? randomUUID();
    if (!known.has(key) && body instanceof Blob) files.set(path, hashOf(new Uint8Array(await body.arrayBuffer())));
    known.add(key);
    return new Response(null, { status: 204 });
  };
  return files;
}

describe('A file over REST', () => {
  it('that becomes again what it was is sent again, to a server that remembers keys (X-05)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker({ backend: restBackend() }).signIn('ana');
    const files = fileServer(device);
    const [visit, photo] = [randomUUID(), randomUUID()];
    await fixture.request('POST', '/api/visits', { body: { id: visit, note: 'a visit' } });
    await session.engine.synchronize('first', { mode: 'all' });
    await takePhoto(session, visit, photo, bytesOf(1000, 1));
    for (const seed of [1, 2, 1]) {
      await putFile(session, photo, bytesOf(1000, seed));
      await session.engine.synchronize(randomUUID(), { mode: 'unsynchronized' });
      expect(files.get(`/api/photos/${photo}/content`)).toBe(hashOf(bytesOf(1000, seed)));
    }
  });
});
