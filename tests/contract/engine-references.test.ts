import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see, write } from './engine-fixture.ts';
import { noNetwork, openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const tables: Readonly<Record<string, TableOptions>> = {
  places: { path: '/api/places', key: 'id' },
  products: { path: '/api/products', key: 'Code', columns: { Code: 'number' } },
  visits: { path: '/api/visits', key: 'id', references: { placeId: { table: 'places', onDelete: 'null' } } },
  tasks: {
    path: '/api/tasks',
    key: 'id',
    serverKeys: true,
    columns: { id: 'number' },
    references: {
      visitId: { table: 'visits', onDelete: 'restrict' },
      afterId: { table: 'tasks', onDelete: 'null' },
    },
  },
  lines: {
    path: '/api/lines',
    key: 'id',
    references: { visitId: { table: 'visits', onDelete: 'restrict' }, productCode: 'products' },
  },
};

async function makeVisit(session: OpenSession, more = {}): Promise<string> {
  const id = randomUUID();
  await ask(session, 'POST', '/api/visits', visit(id, more));
  return id;
}

async function makeLine(session: OpenSession, visitId: string): Promise<string> {
  const id = randomUUID();
  await ask(session, 'POST', '/api/lines', { id, visitId, productCode: 1, quantity: 1, price: 1 });
  return id;
}

async function makeTask(session: OpenSession, visitId: string, afterId: number | null = null): Promise<number> {
  const { record } = await ask(session, 'POST', '/api/tasks', { title: 'Call', visitId, afterId });
  return Number(record['id']);
}

function seqOf(session: OpenSession): Promise<number> {
  return session.database.read(['changes'], async (tx) => (await tx.objectStore('changes').getAll()).length);
}

describe('Deleting a record that others refer to (R-01)', () => {
  it('is refused under restrict, offline, naming one of them, and nothing is stored', async () => {
    const { session, device } = await openDevice(fixture, tables);
    const id = await makeVisit(session);
    const line = await makeLine(session, id);
    await session.engine.synchronize('one', {});
    device.network = noNetwork;
    // Then memory has all that a write could be guessed with.
    await ask(session, 'GET', `/api/visits/${id}`);
    await makeVisit(session);
    const rows = await seqOf(session);
    const answer = await ask(session, 'DELETE', `/api/visits/${id}`);
    expect(answer).toMatchObject({ status: 409, record: { code: 'referenced' } });
    expect(answer.record['detail']).toContain(line);
    expect(await seqOf(session)).toBe(rows);
    expect((await see(session, 'visits', id)).detail).toBe('clean');
  });

  it('is possible once they are deleted or refer to another, and both deletes reach the server', async () => {
    const { session } = await openDevice(fixture, tables);
    const [id, other] = [await makeVisit(session), await makeVisit(session)];
    const [gone, moved] = [await makeLine(session, id), await makeLine(session, id)];
    await session.engine.synchronize('one', {});
    await ask(session, 'DELETE', `/api/lines/${gone}`);
    expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(409);
    await ask(session, 'PATCH', `/api/lines/${moved}`, { visitId: other });
    expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(204);
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(404);
    expect((await fixture.fetch(`/api/lines/${moved}`)).status).toBe(200);
  });

  it('is refused for what was never sent as well, and for a record with an unsent change of its own', async () => {
    const { session, device } = await openDevice(fixture, tables);
    device.network = noNetwork;
    const id = await makeVisit(session);
    await makeLine(session, id);
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'edited' });
    expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(409);
    expect(await see(session, 'visits', id)).toMatchObject({ record: { note: 'edited' } });
  });

  it('takes the reference out of them under null, in the same transaction, and both sides agree', async () => {
    const { session, device } = await openDevice(fixture, tables);
    const id = await makeVisit(session);
    const first = await makeTask(session, id);
    await makeTask(session, id, first);
    await session.engine.synchronize('one', {});
    const before = await fixture.server.database.query('select id from tasks where "visitId" = $1 order by id', [id]);
    const [parent, child] = before.map((row) => Number(row['id']));
    device.network = noNetwork;
    const unsent = await makeTask(session, id, parent ?? 0);
    device.events.length = 0;
    expect((await ask(session, 'DELETE', `/api/tasks/${String(parent)}`)).status).toBe(204);
    expect(await see(session, 'tasks', child ?? 0)).toMatchObject({ detail: 'pending', record: { afterId: null } });
    expect(await see(session, 'tasks', unsent)).toMatchObject({ record: { afterId: null } });
    const [told] = device.events.filter((event) => event.type === 'changed');
    expect(told).toMatchObject({ tables: { tasks: { removed: [parent], changed: [child, unsent].sort() } } });
    device.network = (_path, forward) => forward();
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    const after = await fixture.server.database.query('select id, "afterId" from tasks where "visitId" = $1', [id]);
    expect(after.map((row) => row['afterId'])).toEqual([null, null]);
    expect(after.map((row) => Number(row['id']))).not.toContain(parent);
  });

  it('leaves every reference as it was if another one forbids it', async () => {
    const both = { ...tables, lines: { ...tables['lines'], path: '/api/lines', key: 'id' } } as const;
    const { session } = await openDevice(fixture, {
      ...both,
      tasks: {
        path: '/api/tasks',
        key: 'id',
        columns: { id: 'number' },
        references: { visitId: { table: 'visits', onDelete: 'null' } },
      },
    });
    const id = await makeVisit(session);
    await ask(session, 'POST', '/api/tasks', { id: 7, title: 'Call', visitId: id });
    await makeLine(session, id);
    expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(409);
    expect(await see(session, 'tasks', 7)).toMatchObject({ record: { visitId: id } });
  });

  it('holds for deletes that come together with other writes', async () => {
    const { session, device } = await openDevice(fixture, tables);
    device.network = noNetwork;
    const id = await makeVisit(session);
    const parents = await Promise.all(Array.from({ length: 12 }, () => makeTask(session, id)));
    const children = await Promise.all(parents.map((parent) => makeTask(session, id, parent)));
    const answers = await Promise.all([
      ...parents.map((parent) => ask(session, 'DELETE', `/api/tasks/${String(parent)}`)),
      ...Array.from({ length: 12 }, () => makeVisit(session)),
    ]);
    expect(answers.slice(0, 12)).toMatchObject(parents.map(() => ({ status: 204 })));
    for (const child of children)
      expect(await see(session, 'tasks', child)).toMatchObject({ record: { afterId: null } });
  });

  it('holds for a delete that settles a failure, whose choice keeps its key', async () => {
    const { session, page, device } = await openDevice(fixture, tables);
    const id = await makeVisit(session);
    await session.engine.synchronize('one', {});
    const line = await makeLine(session, id);
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: '#reject' });
    await session.engine.synchronize('two', { onPartial: 'return' });
    const [failure] = await valueOf(page.failures({}));
    device.network = noNetwork;
    const resolve = (record: JsonObject | null): Promise<unknown> => page.resolve(failure?.id ?? '', record);
    expect(await resolve(visit(randomUUID()))).toMatchObject({ ok: false, error: { code: 'invalid-key' } });
    expect(await resolve(null)).toMatchObject({ ok: false, error: { code: 'referenced' } });
    expect((await see(session, 'visits', id)).detail).toBe('rejected');
    await ask(session, 'DELETE', `/api/lines/${line}`);
    expect(await resolve(null)).toEqual({ ok: true, value: true });
    expect(await see(session, 'visits', id)).toMatchObject({ record: null, detail: 'pending' });
  });

  it('is left to the server where nothing is declared', async () => {
    const { session, device } = await openDevice(fixture);
    device.network = noNetwork;
    const id = await makeVisit(session);
    const line = await makeLine(session, id);
    expect((await ask(session, 'DELETE', `/api/visits/${id}`)).status).toBe(204);
    expect(await see(session, 'lines', line)).toMatchObject({ record: { visitId: id } });
  });
});

describe('A change that takes a reference away', () => {
  it('goes before the delete of the record that it left, however much lies between (U-01)', async () => {
    const { device, session } = await openDevice(fixture);
    const [left, kept] = [randomUUID(), randomUUID()];
    const lines = Array.from({ length: 1100 }, () => randomUUID()).sort();
    for (const id of [left, kept]) await write(session, 'visits', id, { id, date: '2026-03-01', note: 'a note' });
    const line = (id: string, visitId: string): JsonObject => ({ id, visitId, productCode: 1, quantity: 1, price: 1 });
    for (const id of lines.slice(-1)) await write(session, 'lines', id, line(id, left));
    await session.engine.synchronize('before', { mode: 'unsynchronized' });
    await write(session, 'visits', left, null);
    for (const id of lines.slice(0, -1)) await write(session, 'lines', id, line(id, kept));
    for (const id of lines.slice(-1)) await write(session, 'lines', id, line(id, kept));
    const sent: unknown[] = [];
    device.network = (path, forward, _headers, _method, body) => {
      if (path === '/sync/upload')
        sent.push(...arrayOf(asObject(asJson(String(body)))['changes']).map((change) => asObject(change)['key']));
      return forward();
    };
    expect(await session.engine.synchronize('call', { mode: 'unsynchronized' })).toMatchObject({ uploaded: 1101 });
    expect(sent.slice(0, 2)).toEqual([lines.at(-1), left]);
  });

  it.each(['it is held', 'it waits for another record'])(
    'goes before the delete of the record that it left, also where %s (U-01, N-1)',
    async (reason) => {
      const { session, page } = await openDevice(fixture);
      const left = await makeVisit(session);
      const line = await makeLine(session, left);
      await session.engine.synchronize('before', { mode: 'unsynchronized' });
      const made = await makeVisit(session);
      await ask(session, 'PATCH', `/api/lines/${line}`, { visitId: made });
      const [table, key] = reason === 'it is held' ? ['lines', line] : ['visits', made];
      await valueOf(page.setStatus(table, 0, `id = "${key}"`, {}));
      await ask(session, 'DELETE', `/api/visits/${left}`);
      await session.engine.synchronize('one', { mode: 'unsynchronized' });
      expect(await see(session, 'visits', left)).toEqual({ record: null, detail: 'blocked' });
      await valueOf(page.setStatus(table, 1, `id = "${key}"`, {}));
      await session.engine.synchronize('two', { mode: 'unsynchronized' });
      expect((await fixture.fetch(`/api/visits/${left}`)).status).toBe(404);
      expect(await (await fixture.fetch(`/api/lines/${line}`)).json()).toMatchObject({ visitId: made });
      expect(await valueOf(page.failures({}))).toEqual([]);
    },
  );

  it('goes before the delete of the record that it left also where it waits with its group (U-01, N-7)', async () => {
    const { session, page } = await openDevice(fixture);
    const [left, other, refused] = [await makeVisit(session), await makeVisit(session), await makeVisit(session)];
    const line = await makeLine(session, left);
    await session.engine.synchronize('before', { mode: 'unsynchronized' });
    const requests: readonly GroupRequest[] = [
      { method: 'PATCH', url: `/api/lines/${line}`, body: { visitId: other } },
      { method: 'PATCH', url: `/api/visits/${refused}`, body: { note: '#reject' } },
    ];
    await valueOf(page.group(requests, {}));
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    await ask(session, 'DELETE', `/api/visits/${left}`);
    await session.engine.synchronize('two', { mode: 'unsynchronized', onPartial: 'return' });
    expect(await see(session, 'visits', left)).toEqual({ record: null, detail: 'blocked' });
    await ask(session, 'PATCH', `/api/visits/${refused}`, { note: 'mended' });
    await session.engine.synchronize('three', { mode: 'unsynchronized' });
    expect((await fixture.fetch(`/api/visits/${left}`)).status).toBe(404);
    expect(await (await fixture.fetch(`/api/lines/${line}`)).json()).toMatchObject({ visitId: other });
  });
});
