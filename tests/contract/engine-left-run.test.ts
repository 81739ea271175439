import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../sw/store/history.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see, signal } from './engine-fixture.ts';
import { network, openDevice, pageOf, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** A device whose worker died in the upload of one visit; another, synchronized before, is clean. */
async function withLeftRun(): Promise<Opened & { readonly sent: string; readonly clean: string }> {
  const opened = await openDevice(fixture);
  const { device, worker, session } = opened;
  const [clean, sent] = [randomUUID(), randomUUID()];
  await ask(session, 'PUT', `/api/visits/${clean}`, visit(clean));
  await session.engine.synchronize('first', {});
  await ask(session, 'PUT', `/api/visits/${sent}`, visit(sent));
  const reached = signal();
  device.network = async (path, forward) => {
    if (path !== '/sync/upload') return forward();
    reached.give();
    return new Promise<never>(() => undefined);
  };
  void session.engine.requestRun('write');
  await reached.given;
  worker.kill();
  device.network = network;
  const next = device.startWorker();
  const later = await next.signIn('ana');
  return { device, worker: next, session: later, page: pageOf(next, later), sent, clean };
}

async function details(session: OpenSession, ids: readonly string[]): Promise<readonly string[]> {
  return Promise.all(ids.map(async (id) => (await see(session, 'visits', id)).detail));
}

describe('A run that a worker left when it died', () => {
  it.each(['write', 'background-sync', 'timer', 'visible'] as const)(
    'is followed by one for what was written since, by the trigger that finished it: %s (R-2)',
    async (trigger) => {
      const { session, sent } = await withLeftRun();
      const id = randomUUID();
      await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
      await session.engine.requestRun(trigger);
      expect(await details(session, [sent, id])).toEqual(['clean', 'clean']);
    },
  );

  it('is followed by that of a call where it was cancelled: the call was not (R-1)', async () => {
    const { session, sent } = await withLeftRun();
    expect(await session.engine.cancel(null)).toBe(true);
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'finished', mode: 'all' });
    expect(await details(session, [sent])).toEqual(['clean']);
    const history = await readHistory(session.database, { limit: 2, offset: 0 });
    expect(history.map(({ outcome }) => outcome)).toEqual(['finished', 'cancelled']);
  });

  it('is followed by none of a call that is cancelled while it goes on (S-09)', async () => {
    const { session, device, sent } = await withLeftRun();
    const reached = signal();
    device.network = async (path, forward) => {
      if (path !== '/sync/upload') return forward();
      reached.give();
      return new Promise<never>(() => undefined);
    };
    const called = session.engine.synchronize('again', {});
    called.catch(() => undefined);
    await reached.given;
    expect(await session.engine.cancel('again')).toBe(true);
    device.network = network;
    await expect(called).rejects.toMatchObject({ code: 'cancelled' });
    expect(await details(session, [sent])).not.toEqual(['clean']);
    expect(await readHistory(session.database, { limit: 2, offset: 0 })).toMatchObject([
      { outcome: 'cancelled' },
      { outcome: 'finished' },
    ]);
  });

  it('is followed by none where nothing was', async () => {
    const { session, sent, device } = await withLeftRun();
    device.events.length = 0;
    await session.engine.requestRun('write');
    expect(await details(session, [sent])).toEqual(['clean']);
    expect(device.events.filter(({ type }) => type === 'finished')).toHaveLength(1);
  });

  it.each(['received', 'cleared'])(
    'of mode selected puts all in place that it had refreshed, also where a record is %s before it goes on (N-2)',
    async (what) => {
      const { device, worker, session } = await openDevice(fixture);
      const [first, second] = ['ana-visit-1', 'ana-visit-2'];
      await session.engine.synchronize('first', {});
      for (const id of [first, second]) {
        await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'refreshed' } });
      }
      // So many that each of the two is in a part of its own.
      const unknown = Array.from({ length: 499 }, () => randomUUID());
      const isAtSecond = signal();
      let reads = 0;
      device.network = async (path, forward) => {
        if (path !== '/sync/read') return forward();
        reads += 1;
        if (reads === 1) return forward();
        isAtSecond.give();
        return new Promise<never>(() => undefined);
      };
      const selection = { visits: [first, ...unknown, second] };
      const run = session.engine.synchronize('call', { mode: 'selected', selection });
      run.catch(() => undefined);
      await isAtSecond.given;
      worker.kill();
      device.network = network;
      await fixture.request('PATCH', `/api/visits/${second}`, { body: { note: 'received' } });
      const next = device.startWorker();
      const later = await next.signIn('ana');
      const nextPage = pageOf(next, later);
      if (what === 'received') await valueOf(nextPage.receive('visits', [second]));
      else await valueOf(nextPage.clear('visits', 'id = :id', { params: { id: second } }));
      await later.engine.requestRun('timer');
      expect((await see(later, 'visits', first)).record).toMatchObject({ note: 'refreshed' });
      const { record } = await see(later, 'visits', second);
      expect(record?.['note']).toBe(what === 'received' ? 'received' : undefined);
    },
  );

  it('is followed by that of a call, which sends what was marked since (K-S3)', async () => {
    const { session, page, clean } = await withLeftRun();
    await valueOf(page.setStatus('visits', 'not-synchronized', { id: clean }, {}));
    const result = await valueOf(page.synchronize('call', { mode: 'unsynchronized' }));
    expect(result).toMatchObject({ outcome: 'finished', uploaded: 1 });
    expect(await details(session, [clean])).toEqual(['clean']);
  });
});
