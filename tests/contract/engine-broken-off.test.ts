import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../sw/store/schema.ts';
import { breakingOff, listening, makeLarge, tables } from './broken-off.ts';
import { see, write } from './engine-fixture.ts';
import { network, openDevice, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

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

  it('brings what a live event tells of, in the run that follows it (R-03)', async () => {
    const { device, session } = await openDevice(fixture, tables);
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'old' }) });
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
    device.network = network;
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'newer' } });
    expect(await session.engine.requestRun('live')).toBe(true);
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'newer' });
  });

  it('is brought up to date also where a build before this one left it (L-1c)', async () => {
    const { device, session } = await openDevice(fixture, tables);
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'old' }) });
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
    await session.database.write(['runs'], async (tx) => {
      const row = await tx.objectStore('runs').get('staged:visits');
      if (row === undefined || !('generation' in row)) throw new Error('Nothing is staged.');
      const older = Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'completeTo'));
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a row as that build wrote it
      await tx.objectStore('runs').put(older as unknown as typeof row);
    });
    device.network = network;
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'newer' } });
    await session.engine.synchronize('again', {});
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'newer' });
  });

  it('loses no local column that was written meanwhile (C-03)', async () => {
    const local: Readonly<Record<string, TableOptions>> = {
      ...tables,
      visits: { path: '/api/visits', key: 'id', columns: { mine: { type: 'string', local: true } } },
    };
    const { device, session } = await openDevice(fixture, local);
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'old' }) });
    await session.engine.synchronize('zero', {});
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', { full: true })).rejects.toMatchObject({ retryable: true });
    device.network = network;
    await ask(session, 'PATCH', `/api/visits/${id}`, { mine: 'kept' });
    await session.engine.synchronize('again', {});
    expect((await see(session, 'visits', id)).record).toMatchObject({ mine: 'kept' });
  });

  it('goes on where it was, also after runs that only send (D-04)', async () => {
    const { device, session } = await openDevice(fixture, tables);
    await makeLarge(fixture);
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
      await makeLarge(fixture);
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
