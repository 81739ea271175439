import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import { readFailures } from '../../sw/store/failures.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see } from './engine-fixture.ts';
import { bytesOf, hashOf, putFile, takePhoto } from './files-fixture.ts';
import { ask } from './page-requests.ts';
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

async function signedIn(): Promise<{
  readonly session: OpenSession;
  readonly device: Device;
  readonly files: ReadonlyMap<string, string>;
  readonly visit: string;
}> {
  const device = new Device(fixture);
  const session = await device.startWorker({ backend: restBackend() }).signIn('ana');
  const files = fileServer(device);
  const visit = randomUUID();
  await fixture.request('POST', '/api/visits', { body: { id: visit, note: 'a visit' } });
  await session.engine.synchronize('first', { mode: 'all' });
  return { session, device, files, visit };
}

describe('A file over REST', () => {
  it('that becomes again what it was is sent again, to a server that remembers keys (X-05)', async () => {
    const { session, files, visit } = await signedIn();
    const photo = randomUUID();
    await takePhoto(session, visit, photo, bytesOf(1000, 1));
    for (const seed of [1, 2, 1]) {
      await putFile(session, photo, bytesOf(1000, seed));
      await session.engine.synchronize(randomUUID(), { mode: 'unsynchronized' });
      expect(files.get(`/api/photos/${photo}/content`)).toBe(hashOf(bytesOf(1000, seed)));
    }
  });

  it('is sent for each record that names its content, in whichever batch of a run (X-d)', async () => {
    const { session, files, visit } = await signedIn();
    const photos = [randomUUID(), randomUUID(), randomUUID()];
    for (const photo of photos) {
      await takePhoto(session, visit, photo, bytesOf(1000, 3));
      // A command on the visit goes in a batch of its own.
      await ask(session, 'PATCH', `/api/visits/${visit}`, { note: photo });
      await ask(session, 'POST', `/api/visits/${visit}/close`, {});
    }
    await session.engine.synchronize('second', { mode: 'unsynchronized' });
    const sent = photos.map((photo) => files.get(`/api/photos/${photo}/content`));
    expect(sent).toEqual(photos.map(() => hashOf(bytesOf(1000, 3))));
  });

  it.each([
    [429, {}],
    [503, { 'Retry-After': '60' }],
  ])('that the server takes later by its own word (%i %j) is no failure (U-09)', async (status, headers) => {
    const { session, device, visit } = await signedIn();
    const photo = randomUUID();
    await takePhoto(session, visit, photo, bytesOf(1000, 1));
    let puts = 0;
    device.network = (path, forward, _headers, method) => {
      if (!path.endsWith('/content')) return forward();
      if (method === 'HEAD') return Promise.resolve(new Response(null, { status: 404 }));
      puts += 1;
      return Promise.resolve(new Response(null, { status, headers }));
    };
    await expect(session.engine.synchronize('second', { mode: 'unsynchronized' })).rejects.toMatchObject({
      details: { status },
    });
    expect([puts, await readFailures(session.database, { limit: 10, offset: 0 })]).toEqual([1, []]);
    expect((await see(session, 'photos', photo)).detail).toBe('pending');
  });
});
