import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readMany } from '../../sw/router/read-route.ts';
import type { Table } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, write } from './engine-fixture.ts';
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
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    vi.advanceTimersByTime(30_000);
    await refusal;
    vi.useRealTimers();
  });
});
