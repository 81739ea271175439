import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerMethods } from '../../sw/protocol/api.ts';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import type { Migrate } from '../../sw/store/migrate-row.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, signal, write, type WorkerOptions } from './engine-fixture.ts';
import { openDevice, pageOf, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const later = { date: '2026-12-24' };

const places = { path: '/api/places', key: 'id' };
/** Version 2 calls what was `trips` by the server's name. */
const migrate: Migrate = (change) => (change.table === 'trips' ? { ...change, table: 'visits' } : change);
const oldVersion: WorkerOptions = {
  schema: { version: 1, tables: { trips: { path: '/api/trips', key: 'id' }, places } },
};
const newVersion: WorkerOptions = {
  schema: { version: 2, tables: { visits: { path: '/api/visits', key: 'id' }, places } },
  migrate,
};

async function openVersion(options: WorkerOptions): Promise<Opened> {
  const device = new Device(fixture);
  const worker = device.startWorker(options);
  const session = await worker.signIn('ana');
  return { device, worker, session, page: pageOf(worker, session) };
}

/** Takes what is unsent on one device to another, as if they were the same app's. */
async function carry(from: WorkerMethods, to: WorkerMethods): Promise<void> {
  const own = asObject(asJson(await valueOf(from.exportUnsent())));
  const { app = null } = asObject(asJson(await valueOf(to.exportUnsent())));
  await valueOf(to.importUnsent(JSON.stringify({ ...own, app })));
}

async function makeVisits(session: OpenSession, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) await ask(session, 'POST', '/api/visits', visit(id));
  await session.engine.synchronize('setup', {});
  return ids;
}

async function makeTask(session: OpenSession, visitId: string): Promise<number> {
  const { record } = await ask(session, 'POST', '/api/tasks', { title: 'Call', visitId });
  return Number(record['id']);
}

function edit(id: string, body: JsonObject): GroupRequest {
  return { method: 'PATCH', url: `/api/visits/${id}`, body };
}

async function run(session: OpenSession, call: string): Promise<void> {
  await session.engine.synchronize(call, { mode: 'unsynchronized', onPartial: 'return' });
}

/** Makes a visit, which is sent, and a task of it, which is not; gives the visit's key. */
async function withUnsentTask(session: OpenSession): Promise<string> {
  const visitId = randomUUID();
  await ask(session, 'PUT', `/api/visits/${visitId}`, visit(visitId));
  await session.engine.synchronize('one', { mode: 'unsynchronized' });
  await ask(session, 'POST', '/api/tasks', { title: 'Call', visitId });
  return visitId;
}

/** The server's copy; null where it has none. */
async function onServer(id: string): Promise<Json> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 200 ? body : null;
}

function titlesOf(visitId: string): Promise<readonly unknown[]> {
  return fixture.server.database.query('select title from tasks where "visitId" = $1', [visitId]);
}

describe('An export and an import of unsent work', () => {
  it('keep the edit of a record whose draft comes back after it was sent (invariant 1)', async () => {
    const { session, page } = await openDevice(fixture);
    const [id = ''] = await makeVisits(session, 1);
    await valueOf(page.draft('visits', visit(id, { note: 'drafted' })));
    const text = await valueOf(page.exportUnsent());
    await valueOf(page.commit('visits', id));
    await run(session, 'one');
    await valueOf(page.importUnsent(text));
    expect((await ask(session, 'PATCH', `/api/visits/${id}`, later)).status).toBe(200);
    await valueOf(page.commit('visits', id));
    await run(session, 'two');
    expect(await onServer(id)).toMatchObject({ note: 'drafted', ...later });
  });

  it('keep the edit of a record whose draft was sent from another device (invariant 1)', async () => {
    const one = await openDevice(fixture);
    const [id = ''] = await makeVisits(one.session, 1);
    const two = await openDevice(fixture);
    await two.session.engine.synchronize('setup', {});
    await valueOf(one.page.draft('visits', visit(id, { note: 'drafted' })));
    await carry(one.page, two.page);
    await valueOf(one.page.commit('visits', id));
    await run(one.session, 'one');
    expect((await ask(two.session, 'PATCH', `/api/visits/${id}`, later)).status).toBe(200);
    await valueOf(two.page.commit('visits', id));
    await run(two.session, 'two');
    expect(await onServer(id)).toMatchObject({ note: 'drafted', ...later });
  });

  it('make nothing twice of what is edited here and sent from another device (I-3)', async () => {
    const one = await openDevice(fixture);
    const [visitId = ''] = await makeVisits(one.session, 1);
    const two = await openDevice(fixture);
    const task = await makeTask(one.session, visitId);
    await carry(one.page, two.page);
    await run(two.session, 'two');
    expect((await ask(one.session, 'PATCH', `/api/tasks/${task}`, { title: 'Call back' })).status).toBe(200);
    await run(one.session, 'one');
    expect(await titlesOf(visitId)).toEqual([{ title: 'Call back' }]);
  });

  it('leave deleted what is deleted here and was sent from another device (I-3)', async () => {
    const one = await openDevice(fixture);
    const two = await openDevice(fixture);
    const id = randomUUID();
    await ask(one.session, 'POST', '/api/visits', visit(id));
    await carry(one.page, two.page);
    await run(two.session, 'two');
    expect((await ask(one.session, 'DELETE', `/api/visits/${id}`)).status).toBe(204);
    await one.session.engine.synchronize('one', {});
    expect(await onServer(id)).toBeNull();
    expect((await see(one.session, 'visits', id)).record).toBeNull();
  });

  it('bring back what was discarded at a sign-out, though it was imported before (A-06)', async () => {
    const one = await openDevice(fixture);
    const two = await openDevice(fixture);
    const id = randomUUID();
    await ask(one.session, 'POST', '/api/visits', visit(id, { note: 'from one' }));
    await carry(one.page, two.page);
    const text = await valueOf(two.page.exportUnsent());
    await valueOf(two.page.signOut({ unsent: 'discard', data: 'keep' }));
    const session = await two.worker.signIn('ana');
    const page = pageOf(two.worker, session);
    expect(await valueOf(page.importUnsent(text))).toMatchObject({ changes: 1, skipped: 0 });
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'from one' });
  });

  it('take over no group in part because of another one over a record of it (I-3a)', async () => {
    const one = await openDevice(fixture);
    const [shared = '', changed = '', other = ''] = await makeVisits(one.session, 3);
    const two = await openDevice(fixture);
    await two.session.engine.synchronize('setup', {});
    const first = { note: 'first group' };
    await valueOf(one.page.group([edit(shared, first), edit(other, first)], {}));
    await valueOf(one.page.group([edit(shared, { rating: 2 }), edit(changed, { rating: 2 })], {}));
    await ask(two.session, 'PATCH', `/api/visits/${changed}`, { note: 'of two' });
    await carry(one.page, two.page);
    await run(two.session, 'two');
    const [ofShared, ofOther] = [asObject(await onServer(shared)), asObject(await onServer(other))];
    expect(ofShared['note']).toBe(ofOther['note']);
  });

  it('keep the draft that is here where a newer schema puts the imported one in its place (I-4)', async () => {
    const one = await openVersion(oldVersion);
    const { key } = await valueOf(one.page.draft('trips', { date: '2026-03-01', note: 'of one' }));
    const two = await openVersion(newVersion);
    await valueOf(two.page.draft('visits', visit(String(key), { note: 'of two' })));
    await carry(one.page, two.page);
    expect(await valueOf(two.page.drafts('visits'))).toMatchObject([{ key, record: { note: 'of two' } }]);
    expect(await valueOf(two.page.failures({}))).toMatchObject([{ code: 'superseded', content: { note: 'of one' } }]);
  });

  it('keep a hold where a newer schema moves the change to another table (K-04)', async () => {
    const one = await openVersion(oldVersion);
    const id = randomUUID();
    await write(one.session, 'trips', id, visit(id));
    await valueOf(one.page.setStatus('trips', 0, `id = "${id}"`, {}));
    const two = await openVersion(newVersion);
    await carry(one.page, two.page);
    expect((await see(two.session, 'visits', id)).detail).toBe('held');
  });

  it('can be sent again, or given up, where it was refused and a newer schema moves it (F-02)', async () => {
    const [one, two] = [await openVersion(oldVersion), await openVersion(newVersion)];
    const [again, given] = [randomUUID(), randomUUID()];
    for (const id of [again, given]) await write(one.session, 'trips', id, visit(id));
    await one.session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    await carry(one.page, two.page);
    const failures = await valueOf(two.page.failures({}));
    expect(failures.map(({ table, retriable }) => [table, retriable])).toEqual([
      ['visits', true],
      ['visits', true],
    ]);
    const idOf = (key: string): string => failures.find((failure) => failure.key === key)?.id ?? '';
    expect(await valueOf(two.page.retry(idOf(again)))).toBe(true);
    await valueOf(two.page.discard(idOf(given)));
    await two.session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect((await fixture.request('GET', `/api/visits/${again}`)).status).toBe(200);
    expect(await valueOf(two.page.failures({}))).toEqual([]);
    expect(await valueOf(two.page.pending())).toMatchObject({ total: 0 });
  });

  it('go by themselves where a command was blocked, and what it waited for is here by now (N-2)', async () => {
    const [one, two] = [await openDevice(fixture), await openDevice(fixture)];
    const id = randomUUID();
    await ask(one.session, 'POST', '/api/visits', visit(id, { rating: 9 }));
    await one.session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    await carry(one.page, two.page);
    await ask(two.session, 'PATCH', `/api/visits/${id}`, { rating: 3 });
    await two.session.engine.synchronize('two', { mode: 'unsynchronized' });
    await ask(one.session, 'POST', `/api/visits/${id}/close`, {});
    await one.session.engine.synchronize('three', { mode: 'unsynchronized', onPartial: 'return' });
    await carry(one.page, two.page);
    expect(await two.session.engine.requestRun('timer')).toBe(true);
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ status: 'closed' });
  });

  it('name a record by the key that it has here by now (U-08)', async () => {
    const one = await openDevice(fixture);
    const [visitId = ''] = await makeVisits(one.session, 1);
    const task = await makeTask(one.session, visitId);
    await ask(one.session, 'POST', `/api/tasks/${task}/complete`);
    const two = await openDevice(fixture);
    await carry(one.page, two.page);
    await run(two.session, 'one');
    await ask(one.session, 'PATCH', `/api/tasks/${task}`, { title: 'Call back' });
    await valueOf(one.page.draft('tasks', { id: task, visitId, title: 'drafted' }));
    await carry(one.page, two.page);
    await run(two.session, 'two');
    expect(await titlesOf(visitId)).toEqual([{ title: 'Call back' }]);
  });

  it('bring a draft that can be committed though its record has the server’s key by now (U-08)', async () => {
    const one = await openDevice(fixture);
    const [visitId = ''] = await makeVisits(one.session, 1);
    const task = await makeTask(one.session, visitId);
    const two = await openDevice(fixture);
    await carry(one.page, two.page);
    await run(two.session, 'one');
    await valueOf(one.page.draft('tasks', { id: task, visitId, title: 'drafted' }));
    await carry(one.page, two.page);
    const [draft] = await valueOf(two.page.drafts('tasks'));
    await valueOf(two.page.commit('tasks', draft?.key ?? 0));
    expect(await valueOf(two.page.drafts('tasks'))).toEqual([]);
    await run(two.session, 'two');
    expect(await titlesOf(visitId)).toEqual([{ title: 'drafted' }]);
  });

  it('of what may have arrived from here sends nothing of it by itself on another device (U-14)', async () => {
    const backend = restBackend({ idempotency: 'none', concurrency: 1 });
    const [one, two] = [await openVersion({ backend }), await openVersion({ backend })];
    const visitId = await withUnsentTask(one.session);
    const reached = signal();
    one.device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/api/tasks') return answer;
      reached.give();
      return new Promise<never>(() => undefined);
    };
    void one.session.engine.synchronize('two', { mode: 'unsynchronized' });
    await reached.given;
    // A second file says the same once more.
    await carry(one.page, two.page);
    await carry(one.page, two.page);
    await two.session.engine.synchronize('three', { mode: 'unsynchronized', onPartial: 'return' });
    const rows = await fixture.server.database.query('select title from tasks where "visitId" = $1', [visitId]);
    expect(rows).toHaveLength(1);
    expect(await valueOf(two.page.failures({}))).toMatchObject([{ table: 'tasks', code: 'unknown', retriable: true }]);
  });

  it('that was exported, sent and imported again here is not taken over: it is known that it arrived (I-2, O2)', async () => {
    const backend = restBackend({ idempotency: 'none', concurrency: 1 });
    const { page, session } = await openVersion({ backend });
    const visitId = await withUnsentTask(session);
    const file = await valueOf(page.exportUnsent());
    const tasks = (): Promise<unknown> =>
      fixture.server.database.query('select title from tasks where "visitId" = $1', [visitId]);
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await tasks()).toHaveLength(1);
    await valueOf(page.importUnsent(file));
    await session.engine.synchronize('three', { mode: 'unsynchronized', onPartial: 'return' });
    expect(await tasks()).toHaveLength(1);
    expect(await valueOf(page.failures({}))).toEqual([]);
  });

  it('is unknown too where it comes back over another device (U-14, O2)', async () => {
    const backend = restBackend({ idempotency: 'none', concurrency: 1 });
    const [one, two] = [await openVersion({ backend }), await openVersion({ backend })];
    const visitId = await withUnsentTask(one.session);
    await carry(one.page, two.page);
    await one.session.engine.synchronize('two', { mode: 'unsynchronized' });
    await carry(two.page, one.page);
    for (const { session } of [one, two])
      await session.engine.synchronize('three', { mode: 'unsynchronized', onPartial: 'return' });
    const rows = await fixture.server.database.query('select title from tasks where "visitId" = $1', [visitId]);
    expect(rows).toHaveLength(1);
  });

  it('that was refused stays so, with what the server said of it (F-01)', async () => {
    const backend = restBackend({ idempotency: 'none', concurrency: 1 });
    const { page, session } = await openVersion({ backend });
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id, { date: 'no date at all' }));
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    const file = await valueOf(page.exportUnsent());
    const [refused] = await valueOf(page.failures({}));
    await valueOf(page.discard(refused?.id ?? ''));
    await valueOf(page.importUnsent(file));
    expect(await valueOf(page.failures({}))).toMatchObject([{ code: 'validation', retriable: true, key: id }]);
  });
});
