import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { Failure } from '../../sw/protocol/status.ts';
import type { Json } from '../../sw/protocol/record.ts';
import { readFailures, retryFailure } from '../../sw/store/failures.ts';
import type { Migrate } from '../../sw/store/migrate-row.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { sweepContents } from '../../sw/sync/sweep-contents.ts';
import { newMutationId } from './close-command.ts';
import { Device, see, write, type WorkerOptions } from './engine-fixture.ts';
import { network, pageOf, valueOf, visit } from './engine-page.ts';
import { bytesOf, chunksHere, takePhoto } from './files-fixture.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const visits: TableOptions = { path: '/api/visits', key: 'id' };
const trips: TableOptions = { path: '/api/trips', key: 'id' };
const stays: TableOptions = { path: '/api/stays', key: 'id' };
const photos: TableOptions = { path: '/api/photos', key: 'id', file: 'content' };

const noUpload: Device['network'] = (path, forward) =>
  path === '/sync/upload' ? Promise.reject(new TypeError('no network')) : forward();

/** The server has what was sent, and says that it is for later. */
const saysLater: Device['network'] = async (path, forward) => {
  const answer = await forward();
  if (path !== '/sync/upload') return answer;
  const body = asObject(asJson(await answer.text()));
  const outcomes = arrayOf(body['outcomes']).map((outcome) => ({
    type: 'later',
    mutationId: asObject(outcome)['mutationId'] ?? null,
    message: 'Not now.',
  }));
  return new Response(JSON.stringify({ ...body, outcomes }), answer);
};

function version(number: number, tables: Readonly<Record<string, TableOptions>>, migrate?: Migrate): WorkerOptions {
  return { schema: { version: number, tables }, ...(migrate === undefined ? {} : { migrate }) };
}

/** Moves the changes of a table to another. */
function move(from: string, to: string): Migrate {
  return (change) => (change.table === from ? { ...change, table: to } : change);
}

async function run(session: OpenSession, call: string): Promise<void> {
  await session.engine.synchronize(call, { mode: 'unsynchronized', onPartial: 'return' });
}

/** Leaves what can be sent in flight, with nothing of it at the server. */
async function leaveInFlight(device: Device, session: OpenSession): Promise<void> {
  device.network = noUpload;
  await expect(run(session, 'in flight')).rejects.toMatchObject({ code: 'network' });
  device.network = network;
}

function failuresOf(session: OpenSession): Promise<readonly Failure[]> {
  return readFailures(session.database, { limit: 10, offset: 0 });
}

/** The server's copy; null where it has none. */
async function onServer(id: string): Promise<Json> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 200 ? body : null;
}

describe('A new version of the schema', () => {
  it('keeps a hold where it moves the change to another table (K-04)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { trips }));
    const session = await before.signIn('ana');
    const id = randomUUID();
    await write(session, 'trips', id, visit(id));
    await valueOf(pageOf(before, session).setStatus('trips', 0, `id = "${id}"`, {}));
    before.kill();
    const next = await device.startWorker(version(2, { visits }, move('trips', 'visits'))).signIn('ana');
    expect((await see(next, 'visits', id)).detail).toBe('held');
    await run(next, 'one');
    expect(await onServer(id)).toBeNull();
  });

  it('keeps the hold of a record of which a draft does not fit (K-04, F-04)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits }));
    const session = await before.signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    await valueOf(pageOf(before, session).setStatus('visits', 0, `id = "${id}"`, {}));
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'does not fit' }, { 'Sync-Draft': 'true' });
    before.kill();
    const refuseDraft: Migrate = (change) => (change.record['note'] === 'does not fit' ? null : change);
    const next = await device.startWorker(version(2, { visits }, refuseDraft)).signIn('ana');
    expect(await failuresOf(next)).toMatchObject([{ code: 'schema', content: { note: 'does not fit' } }]);
    expect((await see(next, 'visits', id)).detail).toBe('held');
    await run(next, 'one');
    expect(await onServer(id)).toBeNull();
  });

  it('lets a refused change be sent again where it moves it to another table (F-02)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { trips, visits }));
    const session = await before.signIn('ana');
    const id = randomUUID();
    await write(session, 'trips', id, visit(id));
    await run(session, 'one');
    expect((await see(session, 'trips', id)).detail).toBe('rejected');
    before.kill();
    const next = await device.startWorker(version(2, { visits }, move('trips', 'visits'))).signIn('ana');
    expect((await see(next, 'visits', id)).detail).toBe('rejected');
    const [failure] = await failuresOf(next);
    expect(failure).toMatchObject({ table: 'visits', key: id });
    expect(await retryFailure(next.database, failure?.id ?? '', newMutationId)).toBe(true);
    await run(next, 'two');
    expect(await onServer(id)).toMatchObject({ note: 'a note' });
    expect(await failuresOf(next)).toEqual([]);
  });

  it('sends no edit of what was in flight in its old shape: it is looked at when that is settled (F-04, V-5)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits }));
    const session = await before.signIn('ana');
    const [fits, misfit] = [randomUUID(), randomUUID()];
    for (const id of [fits, misfit]) await write(session, 'visits', id, visit(id));
    await leaveInFlight(device, session);
    await write(session, 'visits', fits, visit(fits, { note: 'fits' }));
    await write(session, 'visits', misfit, visit(misfit, { note: 'does not fit' }));
    before.kill();
    const migrate: Migrate = (copy) => (copy.record['note'] === 'does not fit' ? null : copy);
    const next = await device.startWorker(version(2, { visits }, migrate)).signIn('ana');
    await run(next, 'one');
    expect(await onServer(fits)).toMatchObject({ note: 'fits' });
    expect(await onServer(misfit)).toMatchObject({ note: 'a note' });
    expect(await failuresOf(next)).toMatchObject([{ code: 'schema', key: misfit, content: { note: 'does not fit' } }]);
    expect(await next.database.read(['changes'], (tx) => tx.objectStore('changes').getAll())).toEqual([]);
  });

  it('says of a new record that the server may have, and that does not fit, that it may be there (V-4)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits }));
    const session = await before.signIn('ana');
    const [refused, perhaps, never] = [randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', refused, visit(refused, { rating: 9 }));
    device.network = saysLater;
    await expect(run(session, 'later')).rejects.toMatchObject({ code: 'server' });
    device.network = network;
    await run(session, 'refused');
    await write(session, 'visits', perhaps, visit(perhaps));
    device.network = saysLater;
    await expect(run(session, 'later')).rejects.toMatchObject({ code: 'server' });
    device.network = network;
    await write(session, 'visits', never, visit(never));
    before.kill();
    const next = await device.startWorker(version(2, { visits }, () => null)).signIn('ana');
    const failures = (await failuresOf(next)).filter(({ code }) => code === 'schema');
    const messageOf = (id: string): string | undefined => failures.find(({ key }) => key === id)?.message;
    expect(messageOf(perhaps)).toMatch(/may have it already/);
    for (const id of [refused, never]) expect(messageOf(id)).toMatch(/Its content is kept here\.$/);
  });

  it('says so of one that was sent to a server without idempotency, and not answered (U-14)', async () => {
    const device = new Device(fixture);
    const backend = restBackend({ idempotency: 'none' });
    const before = device.startWorker({ ...version(1, { visits }), backend });
    const session = await before.signIn('ana');
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    device.network = () => Promise.reject(new TypeError('no network'));
    await expect(run(session, 'unanswered')).rejects.toThrow();
    expect(await failuresOf(session)).toMatchObject([{ code: 'unknown', key: id }]);
    before.kill();
    const next = await device.startWorker({ ...version(2, { visits }, () => null), backend }).signIn('ana');
    const failure = (await failuresOf(next)).find(({ code }) => code === 'schema');
    expect(failure?.key).toBe(id);
    expect(failure?.message).toMatch(/may have it already/);
  });

  it('sends what was in flight of a table that is no more, once, and leaves nothing of it (invariant 3)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits, trips }));
    const session = await before.signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    await leaveInFlight(device, session);
    before.kill();
    const next = await device.startWorker(version(2, { stays }, move('visits', 'stays'))).signIn('ana');
    await run(next, 'one');
    expect(await onServer(id)).toMatchObject({ note: 'a note' });
    expect(await next.database.read(['changes'], (tx) => tx.objectStore('changes').getAll())).toEqual([]);
  });

  it('keeps the file that a failure names, of a table that is no more (F-04)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits, photos }));
    const session = await before.signIn('ana');
    const [visitId, id] = [randomUUID(), randomUUID()];
    await takePhoto(session, visitId, id, bytesOf(1000, 1));
    before.kill();
    const images: TableOptions = { ...photos, path: '/api/images' };
    const next = await device.startWorker(version(2, { visits, images }, (change) => change)).signIn('ana');
    expect(await failuresOf(next)).toMatchObject([{ code: 'schema', key: id }]);
    await sweepContents(next);
    expect(await chunksHere(next)).toBe(1);
  });

  it('keeps the file of an edit of what was in flight, of a table that it renames (invariant 8)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits, photos }));
    const session = await before.signIn('ana');
    const [visitId, id] = [randomUUID(), randomUUID()];
    await write(session, 'visits', visitId, visit(visitId));
    await write(session, 'photos', id, { id, visitId, caption: 'a photo' });
    await leaveInFlight(device, session);
    await takePhoto(session, visitId, id, bytesOf(1000, 2));
    before.kill();
    const renamed = version(2, { visits, images: photos }, move('photos', 'images'));
    const next = await device.startWorker(renamed).signIn('ana');
    await sweepContents(next);
    expect(await chunksHere(next)).toBe(1);
  });
});
