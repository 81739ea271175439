import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import { readFailures, retryFailure } from '../../sw/store/failures.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { newMutationId } from './close-command.ts';
import { Device, see } from './engine-fixture.ts';
import { losingUploads, network, openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const manual: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id', conflict: 'manual' },
};

async function makeVisit(session: OpenSession, more: JsonObject = {}): Promise<string> {
  const id = randomUUID();
  await ask(session, 'POST', '/api/visits', visit(id, more));
  return id;
}

async function run(session: OpenSession, call: string): Promise<void> {
  await session.engine.synchronize(call, { mode: 'unsynchronized', onPartial: 'return' });
}

/** The server's copy; null where it has none. */
async function onServer(id: string): Promise<Json> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 200 ? body : null;
}

/** An edit by another device. */
async function editElsewhere(id: string, body: JsonObject): Promise<void> {
  const headers = { 'Content-Type': 'application/merge-patch+json' };
  const { status } = await fixture.request('PATCH', `/api/visits/${id}`, { body, headers });
  expect(status).toBe(200);
}

/** Does something before a transaction of a forced clear, when what it matches has been found. */
function beforeClearing({ database }: OpenSession, work: () => Promise<unknown>): void {
  const through = database.write.bind(database);
  const spy = vi.spyOn(database, 'write').mockImplementation(async (stores, change, options) => {
    if (stores.includes('segments') && stores.includes('failures')) {
      spy.mockRestore();
      await work();
    }
    return through(stores, change, options);
  });
}

/** The server takes the first POST of a visit, and its answer is lost on the way. */
function losingFirstPost(): Device['network'] {
  let isLost = false;
  return async (_path, forward, _headers, method) => {
    const answer = await forward();
    if (isLost || method !== 'POST' || answer.status !== 201) return answer;
    isLost = true;
    throw new TypeError('connection closed');
  };
}

describe('A change', () => {
  it('of a marked record is sent whole, also over another copy at the server, under merge (K-03)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = await makeVisit(session);
    await session.engine.synchronize('one', {});
    await editElsewhere(id, { note: 'of another' });
    await valueOf(page.setStatus('visits', 1, `id = "${id}"`, {}));
    await run(session, 'two');
    expect(await onServer(id)).toMatchObject({ note: 'a note' });
  });

  it.each(['before', 'after'])(
    'that deletes what is unknown is sent, if made %s the user has that sent again (U-14)',
    async (time) => {
      const device = new Device(fixture);
      device.network = losingFirstPost();
      const backend = restBackend({ idempotency: 'none', concurrency: 1 });
      const session = await device.startWorker({ backend }).signIn('ana');
      const id = randomUUID();
      await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
      await expect(run(session, 'one')).rejects.toMatchObject({ code: 'network' });
      const remove = async (): Promise<void> => {
        expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(204);
      };
      if (time === 'before') await remove();
      const [failure] = await readFailures(session.database, { limit: 10, offset: 0 });
      expect(failure).toMatchObject({ code: 'unknown', key: id });
      expect(await retryFailure(session.database, failure?.id ?? '', newMutationId, 'unknown')).toBe(true);
      if (time === 'after') await remove();
      await run(session, 'two');
      await run(session, 'three');
      expect(await onServer(id)).toBeNull();
      expect(await readFailures(session.database, { limit: 10, offset: 0 })).toEqual([]);
    },
  );

  it('made when a forced clear has found what it matches is not cleared with it (R-02)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = await makeVisit(session, { note: 'old' });
    beforeClearing(session, async () => {
      expect((await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'new' })).status).toBe(200);
    });
    const options = { params: { id, note: 'old' }, force: true };
    expect(await valueOf(page.clear('visits', 'id = :id AND note = :note', options))).toMatchObject({ cleared: 0 });
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'new' });
  });

  it('that deletes a record in conflict with the server’s of the same key is sent (U-05)', async () => {
    const { session } = await openDevice(fixture, manual);
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'of another device' }) });
    expect((await ask(session, 'POST', '/api/visits', visit(id, { note: 'mine' }))).status).toBe(201);
    await run(session, 'one');
    expect((await see(session, 'visits', id)).detail).toBe('conflict');
    expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(204);
    expect((await see(session, 'visits', id)).record).toBeNull();
    await run(session, 'two');
    expect(await onServer(id)).toBeNull();
  });

  it('in flight is refused to a forced clear, also where it is held (K-12, R-02)', async () => {
    const { session, page, device } = await openDevice(fixture);
    const id = await makeVisit(session);
    await session.engine.synchronize('one', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: '#reject' });
    device.network = losingUploads(1);
    await expect(run(session, 'two')).rejects.toMatchObject({ code: 'network' });
    device.network = network;
    await valueOf(page.setStatus('visits', 0, `id = "${id}"`, {}));
    const result = await valueOf(page.clear('visits', 'id = :id', { params: { id }, force: true }));
    expect(result).toEqual({ cleared: 0, refused: [id] });
  });

  it('that is chosen for a held conflict is sent (U-05, K-04)', async () => {
    const { session, page } = await openDevice(fixture, manual);
    const id = await makeVisit(session);
    await session.engine.synchronize('one', {});
    await editElsewhere(id, { note: 'of another' });
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'mine' });
    await run(session, 'two');
    await valueOf(page.setStatus('visits', 0, `id = "${id}"`, {}));
    const [conflict] = await valueOf(page.conflicts());
    await valueOf(page.resolve(conflict?.id ?? '', visit(id, { note: 'chosen' })));
    await run(session, 'three');
    expect(await onServer(id)).toMatchObject({ note: 'chosen' });
  });
});
