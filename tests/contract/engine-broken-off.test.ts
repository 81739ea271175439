import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { see, write, type Device } from './engine-fixture.ts';
import { network, openDevice, visit } from './engine-page.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const tables: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id' },
  places: { path: '/api/places', key: 'id', columns: { country: 'string' } },
};

const isVisitsEnd = (line: string): boolean => line.startsWith('{"type":"end","table":"visits"');

/** Downloads break off behind the end mark of visits, or before it. */
function breakingOff(where: 'behind' | 'before'): Device['network'] {
  return async (path, forward) => {
    const answer = await forward();
    if (path !== '/sync/download') return answer;
    const lines = (await answer.text()).split('\n');
    const kept = lines.slice(0, lines.findIndex(isVisitsEnd) + (where === 'behind' ? 1 : 0));
    return new Response(`${kept.join('\n')}\n`, { headers: answer.headers });
  };
}

/** So many that the first of them are stored before the last ones come. */
async function makeLarge(): Promise<void> {
  for (let count = 0; count < 24; count += 1) {
    const large = visit(randomUUID(), { note: 'x'.repeat(60_000) });
    await fixture.request('POST', '/api/visits', { body: large });
  }
}

/** The tables that each download from now on asks for. */
function listening(device: Device): JsonObject[][] {
  const asked: JsonObject[][] = [];
  device.network = (path, forward, _headers, _method, body) => {
    if (path === '/sync/download' && typeof body === 'string')
      asked.push(arrayOf(asObject(asJson(body))['tables']).map(asObject));
    return forward();
  };
  return asked;
}

describe('a full download that broke off behind a table', () => {
  it('brings what came of that table since, before a run says finished (S-01, L-1c)', async () => {
    const { device, session } = await openDevice(fixture, tables);
    const [kept, gone] = [randomUUID(), randomUUID()];
    for (const id of [kept, gone]) await fixture.request('POST', '/api/visits', { body: visit(id) });
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
    await fixture.request('PATCH', `/api/visits/${kept}`, { body: { note: 'newer' } });
    await fixture.request('DELETE', `/api/visits/${gone}`);
    const made = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(made) });
    const asked = listening(device);
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'finished' });
    expect(asked[0]?.map(({ table, cursor }) => [table, typeof cursor])).toEqual([
      ['visits', 'string'],
      ['places', 'object'],
    ]);
    expect((await see(session, 'visits', kept)).record).toMatchObject({ note: 'newer' });
    expect((await see(session, 'visits', made)).record).not.toBeNull();
    expect((await see(session, 'visits', gone)).record).toBeNull();
    expect((await see(session, 'visits', 'ana-visit-1')).record).not.toBeNull();
    await session.engine.synchronize('delta', {});
    expect(asked[1]?.every(({ cursor }) => typeof cursor === 'string')).toBe(true);
  });

  it('is not asked for it again by an attempt that follows by itself, if nothing was sent meanwhile (L-1c)', async () => {
    const { device, session } = await openDevice(fixture, tables);
    const asked = (): readonly unknown[] => heard.map((requested) => requested.map(({ table }) => table));
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
    const heard = listening(device);
    expect(await session.engine.requestRun('online')).toBe(true);
    expect(asked()).toEqual([['places']]);
    expect((await see(session, 'visits', 'ana-visit-1')).record).not.toBeNull();
  });

  it('goes on where it was, also after runs that only send (D-04)', async () => {
    const { device, session } = await openDevice(fixture, tables);
    await makeLarge();
    device.network = breakingOff('before');
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
    const asked = listening(device);
    const made = randomUUID();
    await write(session, 'visits', made, visit(made));
    expect(await session.engine.synchronize('sent', { mode: 'unsynchronized' })).toMatchObject({ uploaded: 1 });
    await session.engine.synchronize('again', {});
    expect(asked[0]?.[0]).toMatchObject({ table: 'visits', resume: {} });
    expect((await see(session, 'visits', 'ana-visit-1')).record).not.toBeNull();
    expect(await see(session, 'visits', made)).toMatchObject({ detail: 'clean' });
  });

  it.each(['behind', 'before'] as const)(
    'shows what another device made of a record after this one had changed it in between: %s the end mark (D-03, O4)',
    async (where) => {
      const { device, session } = await openDevice(fixture, tables);
      // Before all others.
      const id = `00000000-0000-4000-8000-${randomUUID().slice(-12)}`;
      await fixture.request('POST', '/api/visits', { body: visit(id) });
      await makeLarge();
      device.network = breakingOff(where);
      await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
      await write(session, 'visits', id, visit(id, { note: 'mine' }));
      const asked = listening(device);
      const heard = device.network;
      device.network = async (path, ...request) => {
        // Behind the upload of this run, before its download.
        if (path === '/sync/download')
          await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
        return heard(path, ...request);
      };
      await session.engine.synchronize('again', {});
      expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'theirs' });
      expect(asked[0]?.[0]).toMatchObject({ table: 'visits', ...(where === 'behind' ? {} : { resume: {} }) });
      device.network = network;
      await session.engine.synchronize('delta', {});
      expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'theirs' });
    },
  );
});
