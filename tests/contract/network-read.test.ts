import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readMany } from '../../sw/router/read-route.ts';
import type { Table } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device } from './engine-fixture.ts';
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
