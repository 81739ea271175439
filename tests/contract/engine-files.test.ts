import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isWhole } from '../../sw/store/contents.ts';
import { readFailures, retryFailure } from '../../sw/store/failures.ts';
import { writeFile } from '../../sw/router/file-route.ts';
import { sweepContents } from '../../sw/sync/sweep-contents.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { newMutationId } from './close-command.ts';
import { Device, see, signal, write } from './engine-fixture.ts';
import {
  bytesIn,
  bytesOf,
  chunksHere,
  context,
  getFile,
  hashOf,
  mebibyte,
  photosOf,
  putFile,
  referenceOf,
  takePhoto,
} from './files-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start({ maxFileBytes: 8 * mebibyte }));
afterAll(() => fixture.stop());

let seed = 0;
function photo(size: number): Uint8Array<ArrayBuffer> {
  seed += 1;
  return bytesOf(size, seed);
}

interface Counted {
  readonly puts: string[];
  readonly gets: string[];
  readonly uploads: string[];
  readonly all: string[];
}

/** Notes what travels, and hands each request on to `then`. */
function counting(device: Device, then: Device['network'] = (_path, forward) => forward()): Counted {
  const counted: Counted = { puts: [], gets: [], uploads: [], all: [] };
  device.network = (path, forward, headers, method) => {
    counted.all.push(`${method} ${path}`);
    if (path.startsWith('/sync/files/')) (method === 'PUT' ? counted.puts : counted.gets).push(path);
    if (path === '/sync/upload') counted.uploads.push(path);
    return then(path, forward, headers, method);
  };
  return counted;
}

async function newVisit(session: OpenSession): Promise<string> {
  const id = randomUUID();
  await write(session, 'visits', id, { id, note: 'a visit' });
  return id;
}

async function onServer(key: string): Promise<Uint8Array> {
  const answer = await fixture.fetch(`/api/photos/${key}/content`);
  expect(answer.status).toBe(200);
  return bytesIn(answer);
}

describe('a file', () => {
  it('is on this device once it was answered, whole and in ranges, and on the server after a run (X-01, X-04)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const bytes = photo(2 * mebibyte + 321);
    const id = randomUUID();
    await takePhoto(session, visit, id, bytes);
    const local = await getFile(session, id);
    expect(local.status).toBe(200);
    expect(local.headers.get('Content-Type')).toBe('image/jpeg');
    expect(local.headers.get('ETag')).toBe(`"${hashOf(bytes)}"`);
    expect(local.headers.get('Sync-Status')).toBe('not-synchronized');
    expect(hashOf(await bytesIn(local))).toBe(hashOf(bytes));
    const range = await getFile(session, id, { Range: `bytes=${mebibyte - 5}-${mebibyte + 4}` });
    expect(range.status).toBe(206);
    expect(range.headers.get('Content-Range')).toBe(`bytes ${mebibyte - 5}-${mebibyte + 4}/${bytes.byteLength}`);
    expect(hashOf(await bytesIn(range))).toBe(hashOf(bytes.slice(mebibyte - 5, mebibyte + 5)));
    expect((await getFile(session, id, { Range: `bytes=${bytes.byteLength}-` })).status).toBe(416);
    const counted = counting(device);
    const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'finished', failed: 0, uploaded: 2 });
    expect(result.bytesSent).toBeGreaterThan(bytes.byteLength);
    const firstUpload = counted.all.findIndex((line) => line === 'POST /sync/upload');
    const lastPut = counted.all.findLastIndex((line) => line.startsWith('PUT /sync/files/'));
    expect(lastPut).toBeLessThan(firstUpload);
    expect(hashOf(await onServer(id))).toBe(hashOf(bytes));
    expect(await see(session, 'photos', id)).toMatchObject({ detail: 'clean' });
  });

  it('that the server has is never sent again: not by an edit, not under another record (X-05)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const bytes = photo(mebibyte + 1);
    const [first, second] = [randomUUID(), randomUUID()];
    await takePhoto(session, visit, first, bytes);
    await session.engine.synchronize('one', { mode: 'unsynchronized' });
    const counted = counting(device);
    const content = await referenceOf(session, first);
    await write(session, 'photos', first, { id: first, visitId: visit, caption: 'another', content: { ...content } });
    await takePhoto(session, visit, second, bytes);
    expect(await session.engine.synchronize('two', { mode: 'unsynchronized' })).toMatchObject({
      outcome: 'finished',
      uploaded: 2,
    });
    expect(counted.puts).toEqual([]);
    expect(hashOf(await onServer(second))).toBe(hashOf(bytes));
    // One copy here for both.
    expect(await chunksHere(session)).toBe(2);
  });

  it('goes on behind the last acknowledged chunk after the worker was stopped in mid-transfer (X-01)', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const session = await first.signIn('ana');
    const visit = await newVisit(session);
    const bytes = photo(4 * mebibyte);
    const id = randomUUID();
    await takePhoto(session, visit, id, bytes);
    const reached = signal();
    let puts = 0;
    counting(device, async (_path, forward, _headers, method) => {
      const answer = await forward();
      if (method === 'PUT') puts += 1;
      if (puts === 2) {
        first.kill();
        reached.give();
      }
      return answer;
    });
    void session.engine.synchronize('call', { mode: 'unsynchronized' });
    await reached.given;
    const counted = counting(device);
    const next = await device.startWorker().signIn('ana');
    expect(await next.engine.requestRun('start')).toBe(true);
    expect(counted.puts).toHaveLength(2);
    expect(hashOf(await onServer(id))).toBe(hashOf(bytes));
    expect((await see(next, 'photos', id)).detail).toBe('clean');
  });

  it('whose chunk was acknowledged into the void is not stored twice (X-01)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const bytes = photo(3 * mebibyte);
    const id = randomUUID();
    await takePhoto(session, visit, id, bytes);
    let lost = false;
    const counted = counting(device, async (_path, forward, _headers, method) => {
      const answer = await forward();
      if (method !== 'PUT' || lost) return answer;
      lost = true;
      throw new TypeError('connection closed');
    });
    expect(await session.engine.synchronize('call', { mode: 'unsynchronized' })).toMatchObject({
      outcome: 'finished',
      failed: 0,
    });
    expect(counted.puts).toHaveLength(3);
    expect(hashOf(await onServer(id))).toBe(hashOf(bytes));
  });

  it('that cannot be sent is tried twice, then its record alone is parked and the others go on (X-02, invariant 9)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const [bad, good] = [randomUUID(), randomUUID()];
    const badBytes = photo(mebibyte);
    await takePhoto(session, visit, bad, badBytes);
    await takePhoto(session, visit, good, photo(mebibyte));
    const badPath = `/sync/files/${hashOf(badBytes)}`;
    const counted = counting(device, (path, forward) =>
      path === badPath ? Promise.reject(new TypeError('reset')) : forward(),
    );
    const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'partial', failed: 1, uploaded: 2 });
    expect(counted.puts.filter((path) => path === badPath)).toHaveLength(2);
    expect((await see(session, 'photos', good)).detail).toBe('clean');
    expect((await see(session, 'photos', bad)).detail).toBe('rejected');
    const [failure] = await readFailures(session.database, { limit: 10, offset: 0 });
    expect(failure).toMatchObject({ table: 'photos', key: bad, code: 'file', retriable: true });
    // Its content is kept, and goes out when the user says so.
    counting(device);
    expect(await retryFailure(session.database, failure?.id ?? '', newMutationId)).toBe(true);
    expect(await session.engine.synchronize('again', { mode: 'unsynchronized' })).toMatchObject({
      outcome: 'finished',
    });
    expect(hashOf(await onServer(bad))).toBe(hashOf(badBytes));
  });

  it('that is too large for the server is parked as too-large', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const id = randomUUID();
    await takePhoto(session, visit, id, photo(8 * mebibyte + 1));
    expect(await session.engine.synchronize('call', { mode: 'unsynchronized' })).toMatchObject({
      outcome: 'partial',
      failed: 1,
    });
    const [failure] = await readFailures(session.database, { limit: 10, offset: 0 });
    expect(failure).toMatchObject({ key: id, code: 'too-large' });
  });

  it('does not park anything when it is the network that is gone (U-02)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const id = randomUUID();
    await takePhoto(session, visit, id, photo(mebibyte));
    device.network = (path, forward) =>
      path === '/sync/files' ? forward() : Promise.reject(new TypeError('no network'));
    await expect(session.engine.synchronize('call', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'network',
    });
    expect((await see(session, 'photos', id)).detail).toBe('pending');
  });

  it('of a record that was deleted before the run is not sent, and is swept here (S-07)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const id = randomUUID();
    await takePhoto(session, visit, id, photo(mebibyte));
    await write(session, 'photos', id, null);
    const counted = counting(device);
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(counted.puts).toEqual([]);
    await vi.waitFor(async () => expect(await chunksHere(session)).toBe(0), { timeout: 30_000 });
  });

  it('that replaces one which is being sent is the one that the server has in the end (U-04)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visit = await newVisit(session);
    const [older, newer] = [photo(2 * mebibyte), photo(2 * mebibyte)];
    const id = randomUUID();
    await takePhoto(session, visit, id, older);
    let replaced = false;
    counting(device, async (_path, forward, _headers, method) => {
      if (method === 'PUT' && !replaced) {
        replaced = true;
        await putFile(session, id, newer);
      }
      return forward();
    });
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    counting(device);
    await session.engine.synchronize('more', { mode: 'unsynchronized' });
    expect(hashOf(await onServer(id))).toBe(hashOf(newer));
    expect(hashOf(await bytesIn(await getFile(session, id)))).toBe(hashOf(newer));
  });

  it('interrupted while it was stored leaves nothing that a sweep does not remove, and no change (invariant 1)', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const session = await first.signIn('ana');
    const visit = await newVisit(session);
    const id = randomUUID();
    await write(session, 'photos', id, { id, visitId: visit });
    const stalled = signal();
    const pieces = [photo(mebibyte), photo(mebibyte)];
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const piece = pieces.shift();
        if (piece !== undefined) {
          controller.enqueue(piece);
          return;
        }
        stalled.give();
        await new Promise(() => undefined);
      },
    });
    const init: RequestInit & { duplex: 'half' } = { method: 'PUT', body, duplex: 'half' };
    void writeFile(context(session), photosOf(session), id, new Request('https://app.test/x', init));
    await stalled.given;
    await vi.waitFor(async () => expect(await chunksHere(session)).toBe(2), { timeout: 30_000 });
    // While it is being stored a sweep leaves it alone.
    await session.engine.synchronize('during', { mode: 'unsynchronized' });
    await sweepContents(session);
    expect(await chunksHere(session)).toBe(2);
    first.kill();
    const next = await device.startWorker().signIn('ana');
    await next.engine.synchronize('after', { mode: 'unsynchronized' });
    await vi.waitFor(async () => expect(await chunksHere(next)).toBe(0), { timeout: 30_000 });
    expect(await referenceOf(next, id)).toBeNull();
  });
});

describe('the contents of downloaded records', () => {
  async function photoFromElsewhere(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visit = await newVisit(session);
    const id = randomUUID();
    await takePhoto(session, visit, id, bytes);
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    return id;
  }

  it('come with the run that brings the records, once (S-01, X-03)', async () => {
    const bytes = photo(2 * mebibyte + 7);
    const id = await photoFromElsewhere(bytes);
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    expect(await session.engine.synchronize('call', {})).toMatchObject({ outcome: 'finished' });
    device.network = () => Promise.reject(new TypeError('offline'));
    expect(hashOf(await bytesIn(await getFile(session, id)))).toBe(hashOf(bytes));
    const counted = counting(device);
    await session.engine.synchronize('again', { full: true });
    expect(counted.gets).toEqual([]);
  });

  it('go on behind the last stored chunk when the download broke off, and the records are there meanwhile (X-03, D-04)', async () => {
    const bytes = photo(3 * mebibyte);
    const id = await photoFromElsewhere(bytes);
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const path = `/sync/files/${hashOf(bytes)}`;
    device.network = async (asked, forward) => {
      if (asked !== path) {
        if (asked === '/sync/ping') throw new TypeError('offline');
        return forward();
      }
      const answer = await forward();
      const whole = await bytesIn(answer);
      const pieces = [whole.slice(0, mebibyte + 100)];
      const cut = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          const piece = pieces.shift();
          if (piece === undefined) controller.error(new TypeError('cut'));
          else controller.enqueue(piece);
        },
      });
      return new Response(cut, { status: answer.status, headers: answer.headers });
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    expect((await see(session, 'photos', id)).record).toMatchObject({ id });
    await expect(getFile(session, id)).rejects.toMatchObject({ code: 'not-held' });
    const ranges: string[] = [];
    device.network = (asked, forward, headers) => {
      if (asked === path) ranges.push(headers.get('Range') ?? 'all');
      return forward();
    };
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'finished' });
    expect(ranges).toEqual([`bytes=${2 * mebibyte}-`]);
    expect(hashOf(await bytesIn(await getFile(session, id)))).toBe(hashOf(bytes));
  });

  it('for which there is no space leave no part of them, and small writes have room (X-03)', async () => {
    const bytes = photo(3 * mebibyte);
    const id = await photoFromElsewhere(bytes);
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on the store
    const { put } = IDBObjectStore.prototype;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
      const isSecondChunk = this.name === 'files' && Array.isArray(key) && key[1] === 1;
      if (isSecondChunk) throw new DOMException('There is no space.', 'QuotaExceededError');
      return put.call(this, value, key);
    });
    const result = await session.engine.synchronize('call', {});
    expect(result).toMatchObject({ outcome: 'finished', warnings: [expect.stringContaining('no space')] });
    const rows = await session.database.read(['contents'], (tx) => tx.objectStore('contents').getAll());
    expect(rows.filter((row) => !isWhole(row))).toEqual([]);
    expect(await chunksHere(session)).toBe(rows.reduce((sum, { size }) => sum + Math.ceil(size / mebibyte), 0));
    expect((await see(session, 'photos', id)).record).toMatchObject({ id });
    await newVisit(session);
    vi.restoreAllMocks();
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'finished', warnings: [] });
    expect(hashOf(await bytesIn(await getFile(session, id)))).toBe(hashOf(bytes));
  });

  it('that the server lacks are named in a warning, and the record stays (X-03)', async () => {
    const bytes = photo(mebibyte);
    const id = await photoFromElsewhere(bytes);
    await fixture.server.database.query('delete from sync_files where hash = $1', [hashOf(bytes)]);
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const result = await session.engine.synchronize('call', {});
    expect(result.outcome).toBe('finished');
    expect(result.warnings.join()).toContain(`photos ${id}`);
    expect((await see(session, 'photos', id)).record).toMatchObject({ id });
  });

  it('that are another content than the record names are not shown', async () => {
    const bytes = photo(mebibyte);
    const id = await photoFromElsewhere(bytes);
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== `/sync/files/${hashOf(bytes)}`) return answer;
      return new Response(photo(mebibyte), { headers: answer.headers });
    };
    const result = await session.engine.synchronize('call', {});
    expect(result.warnings.join()).toContain(`photos ${id}`);
    device.network = () => Promise.reject(new TypeError('offline'));
    await expect(getFile(session, id)).rejects.toMatchObject({ code: 'not-held' });
  });

  it('are not another user’s for knowing their hash (invariant 12)', async () => {
    const bytes = photo(mebibyte);
    await photoFromElsewhere(bytes);
    const hash = hashOf(bytes);
    expect((await fixture.fetch(`/sync/files/${hash}`, { user: 'ana' })).status).toBe(200);
    expect((await fixture.fetch(`/sync/files/${hash}`, { user: 'ben' })).status).toBe(404);
    const { body } = await fixture.request('POST', '/sync/files', {
      user: 'ben',
      body: { protocol: 1, hashes: [hash] },
    });
    expect(body).toMatchObject({ files: [{ hash, received: 0 }] });
  });
});
