import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readMany } from '../../sw/router/read-route.ts';
import type { Database } from '../../sw/store/database.ts';
import type { Table, TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, write } from './engine-fixture.ts';
import { noNetwork, openDevice, valueOf } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function placesOf(session: OpenSession): Table {
  const table = session.schema.tables.get('places');
  if (table === undefined) throw new Error('There is no table places.');
  return table;
}

function listRequest(query = ''): Request {
  return new Request(`${fixture.server.url}/api/places${query}`);
}

describe('a list that the network answers, since the first download is not complete', () => {
  it('is no login page (U-11)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    device.network = () => Promise.resolve(new Response('<html>', { headers: { 'Content-Type': 'text/html' } }));
    await expect(readMany(session, placesOf(session), listRequest())).rejects.toMatchObject({ code: 'not-our-server' });
  });

  it('is no body that was cut (U-11)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    device.network = () => Promise.resolve(new Response('[{"id"', { headers: { 'Content-Type': 'application/json' } }));
    await expect(readMany(session, placesOf(session), listRequest())).rejects.toMatchObject({ code: 'not-our-server' });
  });

  it('shows what was written before, though the server takes it only when it has made the list (D-08)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const table = session.schema.tables.get('visits');
    if (table === undefined) throw new Error('There is no table visits.');
    const ids = [randomUUID(), randomUUID()] as const;
    await session.engine.synchronize('first', { mode: 'unsynchronized' });
    for (const id of ids) await write(session, 'visits', id, { id, note: 'new' });
    await session.engine.synchronize('second', { mode: 'unsynchronized' });
    await write(session, 'visits', ids[0], { id: ids[0], note: 'newer' });
    await write(session, 'visits', ids[1], null);
    device.network = async (path, forward) => {
      if (path !== '/api/visits') return forward();
      const answer = await fixture.fetch(path);
      await session.engine.synchronize('third', { mode: 'unsynchronized' });
      return answer;
    };
    const list = await readMany(session, table, new Request(`${fixture.server.url}/api/visits`));
    const records: unknown = await list.json();
    expect(list.headers.get('Sync-Source')).toBe('network');
    expect(records).toContainEqual(expect.objectContaining({ id: ids[0], note: 'newer' }));
    expect(records).not.toContainEqual(expect.objectContaining({ id: ids[1] }));
    expect((await see(session, 'visits', ids[0])).detail).toBe('clean');
  });

  it('is waited for not longer than 30 s', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    device.network = () => new Promise<never>(() => undefined);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const list = readMany(session, placesOf(session), listRequest());
    const refusal = expect(list).rejects.toMatchObject({ code: 'not-downloaded', retryable: true });
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { timeout: 30_000 });
    vi.advanceTimersByTime(30_000);
    await refusal;
    vi.useRealTimers();
  });
});

describe('a list that is read while its table is cleared', () => {
  it('is not empty, but the network’s (invariant 13)', async () => {
    const { session, page, device } = await openDevice(fixture);
    await session.engine.synchronize('down', { mode: 'all' });
    device.network = noNetwork;
    let isCleared = false;
    const read: Database['read'] = async (stores, work) => {
      const value = await session.database.read(stores, work);
      if (!isCleared && stores.includes('heads')) {
        isCleared = true;
        await valueOf(page.clear('places', null, {}));
      }
      return value;
    };
    const database = { ...session.database, read };
    const asked = readMany({ ...session, database }, placesOf(session), listRequest());
    await expect(asked).rejects.toMatchObject({ code: 'not-downloaded' });
  });
});

describe('a list that names a record by the key that it had before (N-3)', () => {
  const tables: Readonly<Record<string, TableOptions>> = {
    tasks: {
      path: '/api/tasks',
      key: 'id',
      serverKeys: true,
      scope: 'nothing-clear',
      columns: { id: 'number', afterId: 'number' },
      references: { afterId: 'tasks' },
    },
  };

  it.each([
    (old: number) => `afterId=${old}`,
    (old: number) => `filter=${encodeURIComponent(`afterId = ${old} OR afterId IN (${old})`)}`,
    (old: number) => `filter=${encodeURIComponent('afterId = :after')}&:after=${old}`,
  ])('is asked of the network by the one that the server knows', async (queryOf) => {
    const { session } = await openDevice(fixture, tables);
    const { record } = await ask(session, 'POST', '/api/tasks', { title: 'First' });
    const old = Number(record['id']);
    await ask(session, 'POST', '/api/tasks', { title: 'Then', afterId: old });
    await session.engine.synchronize('up', { mode: 'all' });
    const table = session.schema.tables.get('tasks');
    if (table === undefined) throw new Error('There is no table tasks.');
    const request = new Request(`${fixture.server.url}/api/tasks?${queryOf(old)}`);
    const fetchIt = (input: string | Request): Promise<Response> =>
      fetch(typeof input === 'string' ? input : input.url, { headers: { Authorization: 'Bearer ana-demo' } });
    const environment = { ...session.environment, fetch: fetchIt };
    const list = await readMany({ ...session, environment }, table, request);
    expect(await list.json()).toMatchObject([{ title: 'Then' }]);
  });
});
