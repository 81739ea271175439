import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, signal } from './engine-fixture.ts';
import { losingUploads, openDevice, valueOf } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

async function makeVisit(session: OpenSession): Promise<string> {
  const id = randomUUID();
  await ask(session, 'PUT', `/api/visits/${id}`, { id, note: 'a visit' });
  return id;
}

/** Makes a task as a page does; gives the temporary key. */
async function makeTask(session: OpenSession, fields: Record<string, string | number | boolean>): Promise<number> {
  const { status, record } = await ask(session, 'POST', '/api/tasks', { title: 'Call back', ...fields });
  expect(status).toBe(201);
  const { id } = record;
  if (typeof id !== 'number' || id >= 0) throw new Error('not a temporary key');
  return id;
}

async function tasksOf(visitId: string): Promise<readonly Record<string, unknown>[]> {
  return fixture.server.database.query(
    'select id, title, "afterId", done from tasks where "visitId" = $1 order by id',
    [visitId],
  );
}

describe('A table whose keys the server makes (U-08)', () => {
  it('gives a record its number, and answers by the old address as by the new', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const old = await makeTask(session, { visitId });
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    const [task] = await tasksOf(visitId);
    const now = Number(task?.['id']);
    expect(now).toBeGreaterThan(0);
    const byOld = await ask(session, 'GET', `/api/tasks/${old}`);
    expect(byOld).toMatchObject({ status: 200, record: { id: now, visitId } });
    expect(byOld.headers.get('Content-Location')).toBe(`/api/tasks/${now}`);
    expect((await ask(session, 'GET', `/api/tasks/${now}`)).record).toEqual(byOld.record);
    expect(await see(session, 'tasks', old)).toMatchObject({ detail: 'clean' });
  });

  it('takes writes and references by the old key afterwards, in another worker too', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const before = await first.signIn('ana');
    const visitId = await makeVisit(before);
    const old = await makeTask(before, { visitId });
    await before.engine.synchronize('call', { mode: 'unsynchronized' });
    first.kill();
    const session = await device.startWorker().signIn('ana');
    expect((await ask(session, 'PATCH', `/api/tasks/${old}`, { title: 'Call back soon' })).status).toBe(200);
    const next = await ask(session, 'POST', '/api/tasks', { title: 'Then write', visitId, afterId: old });
    const [task] = await tasksOf(visitId);
    expect(next.record['afterId']).toBe(task?.['id']);
    expect((await ask(session, 'PUT', `/api/tasks/${old}`, { id: old, visitId, title: 'Put' })).record).toMatchObject({
      id: task?.['id'],
    });
    expect((await ask(session, 'POST', `/api/tasks/${old}/complete`, { task: old })).status).toBe(202);
    const [command] = await session.database.read(['commands'], (tx) => tx.objectStore('commands').getAll());
    expect(command).toMatchObject({
      path: `/api/tasks/${String(task?.['id'])}/complete`,
      body: { task: task?.['id'] },
    });
    const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(visitId)).toMatchObject([{ title: 'Put', done: true }, { afterId: task?.['id'] }]);
    expect((await ask(session, 'DELETE', `/api/tasks/${String(Number(next.record['id']))}`)).status).toBe(204);
    expect((await ask(session, 'DELETE', `/api/tasks/${old}`)).status).toBe(204);
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(await tasksOf(visitId)).toEqual([]);
  });

  it('names it in children and commands of the same batch, whichever was made first', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const parent = await makeTask(session, { visitId, title: 'first' });
    const child = await makeTask(session, { visitId, title: 'second', afterId: parent });
    await makeTask(session, { visitId, title: 'third', afterId: child });
    await ask(session, 'POST', `/api/tasks/${child}/complete`);
    expect(await session.engine.synchronize('call', { mode: 'all' })).toMatchObject({ outcome: 'finished' });
    const tasks = await tasksOf(visitId);
    expect(tasks).toMatchObject([
      { done: null },
      { done: true, afterId: tasks[0]?.['id'] },
      { afterId: tasks[1]?.['id'] },
    ]);
    expect((await ask(session, 'GET', `/api/tasks/${child}`)).record).toMatchObject({ afterId: tasks[0]?.['id'] });
  });

  it('finds it again when the answer was lost and it was edited and referred to meanwhile', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const old = await makeTask(session, { visitId });
    const child = await makeTask(session, { visitId, title: 'child', afterId: old });
    device.network = losingUploads(1);
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ code: 'network' });
    await ask(session, 'PATCH', `/api/tasks/${old}`, { title: 'edited' });
    await makeTask(session, { visitId, title: 'later', afterId: child });
    await ask(session, 'POST', `/api/tasks/${old}/complete`);
    const result = await session.engine.synchronize('second', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'finished', failed: 0 });
    const tasks = await tasksOf(visitId);
    expect(tasks).toMatchObject([
      { title: 'edited', done: true },
      { title: 'child', afterId: tasks[0]?.['id'] },
      { title: 'later', afterId: tasks[1]?.['id'] },
    ]);
  });

  it('makes no second record of one that was edited after the server took it and then failed (invariant 2)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker({ backend: restBackend() }).signIn('ana');
    const visitId = await makeVisit(session);
    const old = await makeTask(session, { visitId });
    device.network = async (path, forward, _headers, method) => {
      const answer = await forward();
      return path === '/api/tasks' && method === 'POST' ? new Response(null, { status: 500 }) : answer;
    };
    await expect(session.engine.synchronize('call', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'server',
    });
    device.network = (_path, forward) => forward();
    await ask(session, 'PATCH', `/api/tasks/${old}`, { title: 'edited' });
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(await tasksOf(visitId)).toMatchObject([{ title: 'edited' }]);
    expect(await tasksOf(visitId)).toHaveLength(1);
  });

  it('keeps a write that comes while the answer is being stored', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const old = await makeTask(session, { visitId });
    const answered = signal();
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path === '/sync/upload') answered.give();
      return answer;
    };
    const run = session.engine.synchronize('call', { mode: 'unsynchronized' });
    await answered.given;
    const writes = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        ask(session, 'PATCH', `/api/tasks/${old}`, { title: `edit ${String(at)}` }),
      ),
    );
    const children = await Promise.all(
      Array.from({ length: 5 }, () => ask(session, 'POST', '/api/tasks', { title: 'child', visitId, afterId: old })),
    );
    await run;
    expect(writes.map(({ status }) => status)).toEqual(writes.map(() => 200));
    expect(children.map(({ status }) => status)).toEqual(children.map(() => 201));
    await session.engine.synchronize('again', { mode: 'unsynchronized' });
    const [task, ...others] = await tasksOf(visitId);
    expect(task).toMatchObject({ title: 'edit 19' });
    expect(others.map(({ afterId }) => afterId)).toEqual(others.map(() => task?.['id']));
    expect(others).toHaveLength(5);
  });

  it('names a record in failures and marks by its new key, and blocks children of a refused one by name (U-07)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const bad = await makeTask(session, { visitId, title: '' });
    const child = await makeTask(session, { visitId, afterId: bad });
    await ask(session, 'POST', `/api/tasks/${bad}/complete`);
    const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'partial', failed: 1 });
    expect((await see(session, 'tasks', bad)).detail).toBe('rejected');
    expect((await see(session, 'tasks', child)).detail).toBe('blocked');
    await ask(session, 'PATCH', `/api/tasks/${bad}`, { title: 'mended' });
    expect(await session.engine.synchronize('again', { mode: 'unsynchronized' })).toMatchObject({ failed: 0 });
    const tasks = await tasksOf(visitId);
    expect(tasks).toMatchObject([{ title: 'mended', done: true }, { afterId: tasks[0]?.['id'] }]);
    const [failure] = await session.database.read(['failures'], (tx) => tx.objectStore('failures').getAll());
    expect(failure).toMatchObject({ key: tasks[0]?.['id'], content: { id: tasks[0]?.['id'] } });
  });

  it('names a record by its new key in the failure of a command that was refused before (U-08)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const bad = await makeTask(session, { visitId, title: '' });
    await ask(session, 'POST', `/api/visits/${randomUUID()}/close`, { for: bad });
    expect(await session.engine.synchronize('call', { mode: 'all' })).toMatchObject({ failed: 2 });
    await ask(session, 'PATCH', `/api/tasks/${bad}`, { title: 'mended' });
    await session.engine.synchronize('again', { mode: 'all' });
    const [task] = await tasksOf(visitId);
    const failures = await session.database.read(['failures'], (tx) => tx.objectStore('failures').getAll());
    const command = failures.find(({ operation }) => operation === 'command');
    expect(command).toMatchObject({ code: 'gone', content: { body: { for: task?.['id'] } } });
  });

  it('finds it by its old key in filters and selections (U-08)', async () => {
    const { session, page } = await openDevice(fixture);
    const visitId = await makeVisit(session);
    const old = await makeTask(session, { visitId });
    await makeTask(session, { visitId, title: 'child', afterId: old });
    await session.engine.synchronize('call', {});
    const [task, child] = await tasksOf(visitId);
    const now = task?.['id'];
    const filters = [
      `?filter=${encodeURIComponent(`afterId = ${String(old)}`)}`,
      `?afterId=${String(old)}`,
      `?filter=${encodeURIComponent('not (afterId <> :id)')}&:id=${String(old)}`,
      `?filter=${encodeURIComponent(`visitId = "${visitId}" and afterId in (0, ${String(old)})`)}`,
    ];
    for (const filter of filters) {
      const { body } = await ask(session, 'GET', `/api/tasks${filter}`);
      expect(body).toMatchObject([{ id: child?.['id'], afterId: now }]);
    }
    const query = { filter: 'id = :id', params: { id: old } };
    expect(JSON.parse((await valueOf(page.query('tasks', query))).text)).toMatchObject([{ id: now }]);
    expect(await valueOf(page.setStatus('tasks', 1, `id = ${String(old)}`, {}))).toMatchObject({ count: 1 });
    expect((await see(session, 'tasks', old)).detail).toBe('pending');
    for (const selection of [{ tasks: [old] }, { tasks: query }]) {
      await ask(session, 'PATCH', `/api/tasks/${String(old)}`, { title: randomUUID() });
      const result = await session.engine.synchronize('selected', { mode: 'selected', selection });
      expect(result).toMatchObject({ uploaded: 1, selected: [{ key: now, outcome: 'uploaded' }] });
    }
  });

  it('sends the delete of each record once that refers to itself, or to one that refers to it (U-01)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const [own, one] = [await makeTask(session, { visitId }), await makeTask(session, { visitId })];
    const other = await makeTask(session, { visitId, afterId: one });
    expect(await session.engine.synchronize('made', {})).toMatchObject({ failed: 0 });
    await ask(session, 'PATCH', `/api/tasks/${own}`, { afterId: own });
    await ask(session, 'PATCH', `/api/tasks/${one}`, { afterId: other });
    expect(await session.engine.synchronize('tied', {})).toMatchObject({ failed: 0 });
    for (const key of [own, one, other]) {
      expect((await ask(session, 'DELETE', `/api/tasks/${key}`)).status).toBe(204);
    }
    const result = await session.engine.synchronize('deleted', { onPartial: 'return' });
    // This server refuses to delete what another refers to.
    const { uploaded = 0, failed = 0 } = result.tables['tasks'] ?? {};
    expect(uploaded + failed).toBe(3);
  });

  it('says of new records that refer to each other that the server did not take them, and waits for neither (U-07)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const visitId = await makeVisit(session);
    const one = await makeTask(session, { visitId });
    const other = await makeTask(session, { visitId, afterId: one });
    await ask(session, 'PATCH', `/api/tasks/${one}`, { afterId: other });
    expect(await session.engine.synchronize('call', { onPartial: 'return' })).toMatchObject({ failed: 2 });
    for (const key of [one, other]) expect((await see(session, 'tasks', key)).detail).toBe('rejected');
    await ask(session, 'PATCH', `/api/tasks/${other}`, { afterId: null });
    expect(await session.engine.synchronize('again', { onPartial: 'return' })).toMatchObject({ failed: 0 });
  });

  it('refuses keys of the page’s own', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const made = await ask(session, 'POST', '/api/tasks', { id: 7, title: 'mine' });
    expect(made).toMatchObject({ status: 422, record: { code: 'invalid-key' } });
    await session.engine.synchronize('call', {});
    expect(await ask(session, 'PUT', '/api/tasks/999999', { title: 'mine' })).toMatchObject({ status: 404 });
  });
});
