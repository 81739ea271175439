import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { createWorkerMethods, type SessionMethods } from '../../sw/sync/worker-methods.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, write, type Worker } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function visit(id: string, more: JsonObject = {}): JsonObject {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

function methodsOf(worker: Worker, session: OpenSession): SessionMethods {
  return createWorkerMethods(worker.sessions, session.schema, randomUUID);
}

async function valueOf<T>(
  reply: Promise<{ readonly ok: boolean; readonly value?: T; readonly error?: unknown }>,
): Promise<T> {
  const { ok, value, error } = await reply;
  if (!ok || value === undefined) throw new Error(JSON.stringify(error));
  return value;
}

async function open(tables?: Readonly<Record<string, TableOptions>>): Promise<{
  device: Device;
  worker: Worker;
  session: OpenSession;
  methods: SessionMethods;
}> {
  const device = tables === undefined ? new Device(fixture) : new Device(fixture, tables);
  const worker = device.startWorker();
  const session = await worker.signIn('ana');
  return { device, worker, session, methods: methodsOf(worker, session) };
}

function region(country: string): { filter: string; params: { country: string } } {
  return { filter: 'country = :country', params: { country } };
}

describe('a table’s scope', () => {
  it('changes between runs: what enters is fetched, what left is removed, but for changes (C-01)', async () => {
    const { device, session, methods } = await open();
    await session.engine.synchronize('call', {});
    const changed = (await see(session, 'places', 'AD-2')).record ?? {};
    await write(session, 'places', 'AD-2', { ...changed, name: 'Mine' });
    await valueOf(methods.setScope('places', region('AE')));
    device.network = (path, forward) => (path === '/sync/upload' ? Promise.reject(new TypeError('gone')) : forward());
    await expect(session.engine.synchronize('offline', {})).rejects.toMatchObject({ code: 'network' });
    expect((await see(session, 'places', 'AD-1')).record).not.toBeNull();
    device.network = (_path, forward) => forward();
    await session.engine.synchronize('again', {});
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    const next = await device.startWorker().signIn('ana');
    expect(next.schema.tables.get('places')?.scope).toEqual(region('AE'));
    await valueOf(methods.setScope('places', 'all'));
    expect(await session.engine.synchronize('all', {})).toMatchObject({ tables: { places: { downloaded: 50 } } });
    expect((await see(session, 'places', 'AD-1')).record).not.toBeNull();
  });

  it.each([
    ['nothing-clear', null],
    ['nothing-preserve', 'a note'],
    ['never', 'a note'],
  ] as const)('%s leaves what it says, and records with changes', async (scope, left) => {
    const { session, methods } = await open();
    const [clean, changed] = [randomUUID(), randomUUID()];
    await write(session, 'visits', clean, visit(clean));
    await session.engine.synchronize('call', {});
    await valueOf(methods.setScope('visits', scope));
    await write(session, 'visits', changed, visit(changed, { rating: 9 }));
    const result = await session.engine.synchronize('again', { onPartial: 'return', full: true });
    expect((await see(session, 'visits', clean)).record?.['note'] ?? null).toBe(left);
    expect((await see(session, 'visits', changed)).record).toMatchObject({ rating: 9 });
    expect(result.failed).toBe(scope === 'never' ? 0 : 1);
  });

  it('never is sent by mode selected, deletes too', async () => {
    const { session, methods } = await open();
    await valueOf(methods.setScope('visits', 'never'));
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    expect(await session.engine.synchronize('call', {})).toMatchObject({ uploaded: 0 });
    const selected = { mode: 'selected', selection: { visits: [id] } } as const;
    expect(await session.engine.synchronize('send', selected)).toMatchObject({ uploaded: 1 });
    await write(session, 'visits', id, null);
    expect((await session.engine.synchronize('delete', selected)).selected).toMatchObject([{ outcome: 'deleted' }]);
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(404);
  });

  it('that is wrong is refused by name, and stays what it was', async () => {
    const { session, methods } = await open();
    expect(await methods.setScope('places', { filter: 'country = :country' })).toMatchObject({
      ok: false,
      error: { code: 'configuration', details: { table: 'places' } },
    });
    expect(await methods.setScope('placez', 'all')).toMatchObject({ ok: false, error: { code: 'unknown-table' } });
    expect(session.schema.tables.get('places')?.scope).toBe('all');
    const declare = (): unknown =>
      parseSchema(1, { places: { path: '/p', key: 'id', scope: { filter: 'country = :country' } } });
    expect(declare).toThrow(/:country/);
  });

  it('with local fields sends none of them, and keeps them over downloads (C-03)', async () => {
    const columns = { mine: { type: 'string', local: true } } as const;
    const { session } = await open({ visits: { path: '/api/visits', key: 'id', columns } });
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { mine: 'kept' }));
    await session.engine.synchronize('call', {});
    const { body } = await fixture.request('GET', `/api/visits/${id}`);
    expect(body).not.toHaveProperty('mine');
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
    await session.engine.synchronize('delta', {});
    expect((await see(session, 'visits', id)).record).toMatchObject({ mine: 'kept', note: 'theirs' });
    await session.engine.synchronize('full', { full: true });
    expect((await see(session, 'visits', id)).record).toMatchObject({ mine: 'kept' });
  });
});

describe('local copies', () => {
  it('that are cleared are not deleted on the server, and come back; changed ones stay unless forced (R-02)', async () => {
    const { session, methods } = await open();
    const id = randomUUID();
    await session.engine.synchronize('call', {});
    await write(session, 'visits', id, visit(id));
    const cleared = await valueOf(methods.clear('visits', null, {}));
    expect(cleared.refused).toEqual([id]);
    expect((await see(session, 'visits', 'ana-visit-1')).record).toBeNull();
    expect((await see(session, 'visits', id)).record).not.toBeNull();
    await session.engine.synchronize('again', {});
    expect((await see(session, 'visits', 'ana-visit-1')).record).not.toBeNull();
    const other = randomUUID();
    await write(session, 'visits', other, visit(other));
    await valueOf(methods.clear('visits', 'id = :id', { params: { id: other }, force: true }));
    expect((await see(session, 'visits', other)).record).toBeNull();
  });
});

describe('a conflict', () => {
  const manual = { visits: { path: '/api/visits', key: 'id', conflict: 'manual' } } as const;

  async function conflicting(): Promise<Awaited<ReturnType<typeof open>> & { id: string }> {
    const opened = await open(manual);
    const id = randomUUID();
    await write(opened.session, 'visits', id, visit(id));
    await opened.session.engine.synchronize('call', {});
    const { record } = await see(opened.session, 'visits', id);
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
    await write(opened.session, 'visits', id, { ...record, note: 'mine', rating: 4 });
    await opened.session.engine.synchronize('conflict', { mode: 'unsynchronized' });
    return { ...opened, id };
  }

  it('under manual shows base, local and server copy, and is resolved by a page (U-05)', async () => {
    const { session, methods, id } = await conflicting();
    const [conflict] = await valueOf(methods.conflicts());
    expect(conflict).toMatchObject({
      ...{ table: 'visits', key: id, base: { note: 'a note' }, local: { note: 'mine' }, server: { note: 'theirs' } },
    });
    expect(conflict?.fields).toEqual(expect.arrayContaining(['note', 'rating']));
    const chosen = { ...conflict?.local, note: 'theirs' };
    expect(await valueOf(methods.resolve(conflict?.id ?? '', chosen))).toBe(true);
    await session.engine.synchronize('resolved', { mode: 'unsynchronized' });
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'theirs', rating: 4 } });
    expect(await valueOf(methods.conflicts())).toEqual([]);
  });

  it('resolved with the server’s copy leaves nothing to send', async () => {
    const { session, methods, id } = await conflicting();
    const [conflict] = await valueOf(methods.conflicts());
    await valueOf(methods.resolve(conflict?.id ?? '', conflict?.server ?? null));
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'theirs' } });
  });
});

describe('The scopes of another user', () => {
  const whichFail = (): never => {
    throw new Error('The browser does not say which pages are open.');
  };

  it('are not in force while a sign-in of theirs fails (G-3)', async () => {
    const { device, worker } = await open();
    const ben = await worker.signIn('ben');
    const methods = createWorkerMethods(worker.sessions, ben.schema, randomUUID);
    expect(await methods.setScope('places', 'nothing-clear')).toMatchObject({ ok: true });
    await worker.signIn('ana');
    Object.defineProperty(device, 'openPages', { configurable: true, get: whichFail });
    await expect(worker.signIn('ben')).rejects.toThrow('does not say');
    Object.defineProperty(device, 'openPages', { value: [] });
    const { user, schema } = await worker.sessions.current();
    expect([user, schema.tables.get('places')?.scope]).toEqual(['ana', 'all']);
    await worker.signIn('ben');
    expect(schema.tables.get('places')?.scope).toBe('nothing-clear');
  });
});
