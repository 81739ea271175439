import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StorageError } from '../../sw/protocol/errors.ts';
import { readMany, readOne } from '../../sw/router/read-route.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { createWorkerMethods } from '../../sw/sync/worker-methods.ts';
import { see, write } from './engine-fixture.ts';
import { holding, network, noNetwork, openDevice, pageOf, valueOf, visit } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const send = { mode: 'unsynchronized' } as const;

function ask(path: string): Request {
  return new Request(`https://app.test${path}`);
}

describe('a page can ask', () => {
  it('whether a run goes, whichever tab called for it (A-01)', async () => {
    const { device, worker, session, page } = await openDevice(fixture);
    const other = pageOf(worker, session);
    expect(await valueOf(other.state())).toMatchObject({ syncing: false, run: null });
    const held = holding('/sync/download');
    device.network = held.network;
    const run = page.synchronize('call', {});
    await held.reached;
    expect(await valueOf(other.state())).toMatchObject({ syncing: true, run: { mode: 'all', trigger: 'call' } });
    held.letGo();
    await run;
    expect(await valueOf(other.state())).toMatchObject({ syncing: false, run: null });
  });

  it('for the status of a record, and for counts by table and status (A-02)', async () => {
    const { session, page } = await openDevice(fixture);
    const [clean, pending, bad] = [randomUUID(), randomUUID(), randomUUID()];
    const [draft, held] = [randomUUID(), randomUUID()];
    for (const id of [clean, held]) await write(session, 'visits', id, visit(id));
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    await session.engine.synchronize('call', send);
    await write(session, 'visits', pending, visit(pending));
    await write(session, 'visits', held, visit(held, { note: 'held' }));
    await valueOf(page.setStatus('visits', 'synchronized', 'id = :id', { params: { id: held } }));
    await valueOf(page.draft('visits', visit(draft)));
    const status = async (id: string): Promise<unknown> => valueOf(page.statusOf('visits', id));
    expect(await status(clean)).toEqual({ status: 'synchronized', code: 0, detail: 'clean' });
    expect(await status(pending)).toEqual({ status: 'not-synchronized', code: 1, detail: 'pending' });
    expect(await status(bad)).toEqual({ status: 'not-synchronized', code: 1, detail: 'rejected' });
    expect(await status(draft)).toEqual({ status: 'not-synchronized', code: 1, detail: 'draft' });
    expect(await status(held)).toEqual({ status: 'synchronized', code: 0, detail: 'held' });
    expect(await valueOf(page.pending())).toEqual({
      ...{ total: 2, sendable: 1, commands: 0 },
      tables: { visits: { pending: 1, rejected: 1, draft: 1, held: 1 } },
    });
  });

  it('why nothing travels, and hears each reason (A-03)', async () => {
    const { device, worker, session, page } = await openDevice(fixture);
    const why = (): Promise<unknown> => valueOf(page.whyNotSyncing());
    await session.engine.synchronize('first', {});
    expect(await why()).toEqual({ type: 'nothing-to-do' });
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    expect(await why()).toEqual({ type: 'none' });
    const held = holding('/sync/upload');
    device.network = held.network;
    const run = session.engine.synchronize('call', send);
    await held.reached;
    expect(await why()).toEqual({ type: 'busy' });
    held.letGo();
    await run;
    await write(session, 'visits', id, visit(id, { note: 'again' }));
    device.network = noNetwork;
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ code: 'network' });
    expect(await why()).toMatchObject({ type: 'backing-off', code: 'network' });
    device.claimsOnline = false;
    expect(await why()).toEqual({ type: 'offline' });
    device.claimsOnline = true;
    device.advance(60_000);
    expect(await why()).toEqual({ type: 'offline' });
    device.network = () => Promise.resolve(Response.json({}, { status: 401 }));
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ code: 'auth-required' });
    expect(await why()).toEqual({ type: 'auth-required' });
    await valueOf(page.signOut({}));
    expect(await valueOf(pageOf(worker, session).whyNotSyncing())).toEqual({ type: 'signed-out' });
  });

  it('why nothing travels where the headers of the sign-in are gone with their worker (A-03)', async () => {
    const { device, worker, page } = await openDevice(fixture);
    await valueOf(page.signIn({ user: 'ana', headers: { 'X-Token': 'secret' } }));
    worker.kill();
    const next = device.startWorker();
    expect(await valueOf(pageOf(next, await next.sessions.current()).whyNotSyncing())).toEqual({
      type: 'no-credentials',
    });
  });

  it('why nothing travels where the device’s own database fails, and that is not taken for the network (A-03)', async () => {
    const { device, worker, session, page } = await openDevice(fixture);
    await session.engine.synchronize('first', {});
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = () => Promise.reject(new StorageError('The disk is at fault.'));
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ code: 'storage' });
    expect(await valueOf(page.whyNotSyncing())).toEqual({ type: 'storage' });
    device.advance(60_000);
    expect(await valueOf(page.state())).toMatchObject({ reachable: true });
    expect(await valueOf(page.whyNotSyncing())).toEqual({ type: 'none' });
    const broken = { ...worker.sessions, observed: () => Promise.reject(new StorageError('It cannot be opened.')) };
    expect(await valueOf(createWorkerMethods(broken, session.schema, randomUUID).whyNotSyncing())).toEqual({
      type: 'storage',
    });
  });

  it('how old a copy is, and its status, on every answer (A-04)', async () => {
    const { device, session } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    await session.engine.synchronize('first', {});
    device.advance(90_000);
    const table = session.schema.tables.get('visits');
    if (table === undefined) throw new Error('no table');
    const one = await readOne(session, table, id, ask(`/api/visits/${id}`));
    expect(one.headers.get('Sync-Status')).toBe('synchronized');
    expect(Number(one.headers.get('Age'))).toBeGreaterThanOrEqual(90);
    await write(session, 'visits', id, visit(id, { note: 'mine' }));
    const changed = await readOne(session, table, id, ask(`/api/visits/${id}`));
    expect([changed.headers.get('Sync-Status'), changed.headers.get('Sync-Detail')]).toEqual([
      'not-synchronized',
      'pending',
    ]);
    const list = await readMany(session, table, ask('/api/visits'));
    expect([list.headers.get('Sync-Status'), list.headers.get('Sync-Source')]).toEqual(['1', 'local']);
    expect(Number(list.headers.get('Age'))).toBeGreaterThanOrEqual(90);
  });

  it('whether the server can be reached, which is tried, not believed of the browser (A-05)', async () => {
    const { device, session, page } = await openDevice(fixture);
    expect(await valueOf(page.state())).toMatchObject({ reachable: null });
    device.claimsOnline = false;
    expect(await session.engine.synchronize('call', {})).toMatchObject({ outcome: 'finished' });
    expect(await valueOf(page.state())).toMatchObject({ reachable: true });
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    expect(await session.engine.requestRun('timer')).toBe(true);
    expect((await see(session, 'visits', id)).detail).toBe('clean');
    device.claimsOnline = true;
    device.network = noNetwork;
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    expect(await valueOf(page.state())).toMatchObject({ reachable: false });
    device.network = network;
    await session.engine.synchronize('again', {});
    expect(await valueOf(page.state())).toMatchObject({ reachable: true });
  });
});

describe('a failure', () => {
  it('can be retried, edited, discarded or exported (F-02)', async () => {
    const { device, session, page } = await openDevice(fixture);
    const ids = [randomUUID(), randomUUID(), randomUUID()] as const;
    for (const id of ids) await write(session, 'visits', id, visit(id, { rating: 9 }));
    await session.engine.synchronize('call', send);
    const failures = await valueOf(page.failures({}));
    const of = (id: string): string => failures.find(({ key }) => key === id)?.id ?? '';
    const file = await valueOf(page.exportUnsent());
    for (const id of ids) expect(file).toContain(id);
    const [retried, edited, discarded] = ids;
    expect(await valueOf(page.retry(of(retried)))).toBe(true);
    expect((await see(session, 'visits', retried)).detail).toBe('pending');
    expect(await valueOf(page.resolve(of(edited), visit(edited, { rating: 3 })))).toBe(true);
    expect(await valueOf(page.discard(of(discarded)))).toBe(true);
    expect((await see(session, 'visits', discarded)).record).toBeNull();
    expect(await session.engine.synchronize('again', send)).toMatchObject({ uploaded: 1, failed: 1 });
    expect((await fixture.request('GET', `/api/visits/${edited}`)).body).toMatchObject({ rating: 3 });
    expect((await valueOf(page.failures({}))).map(({ key }) => key)).toEqual([retried]);
    const worker = device.startWorker();
    expect(await valueOf(pageOf(worker, await worker.sessions.current()).failures({}))).toHaveLength(1);
  });

  it('of a change that clear gave up keeps its content, and says that nothing stands for it any more (F-02, R-02)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { rating: 9 }));
    await session.engine.synchronize('call', send);
    await valueOf(page.clear('visits', 'id = :id', { params: { id }, force: true }));
    const [failure] = await valueOf(page.failures({}));
    expect(failure).toMatchObject({ key: id, content: { rating: 9 }, retriable: false });
    expect(await valueOf(page.retry(failure?.id ?? ''))).toBe(false);
  });

  it.each([
    ['validation', { rating: 9 }],
    ['hook', { note: '#reject' }],
    ['dangling', { placeId: 'no-such-place' }],
  ])('is of the code %s with its reason, base and content (F-03)', async (code, fields) => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, fields));
    await session.engine.synchronize('call', send);
    const [failure] = await valueOf(page.failures({}));
    expect(failure).toMatchObject({ code, table: 'visits', key: id, operation: 'create', base: null, content: fields });
    expect(failure?.message).not.toBe('');
  });

  it.each([
    ['gone', async (id: string) => fixture.request('DELETE', `/api/visits/${id}`)],
    [
      'forbidden',
      async (id: string) => fixture.request('POST', `/api/visits/${id}/hand-over`, { body: { to: 'ben' } }),
    ],
    ['conflict', async (id: string) => fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } })],
    ['superseded', async (id: string) => fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } })],
  ])('is of the code %s where the server’s record stands against the change (F-03)', async (code, happen) => {
    const tables: Record<string, TableOptions> = {
      visits: { path: '/api/visits', key: 'id', conflict: 'server-wins' },
    };
    const { session, page } = await openDevice(fixture, tables);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    await session.engine.synchronize('first', {});
    const { record } = await see(session, 'visits', id);
    await happen(id);
    await write(session, 'visits', id, { ...record, note: 'mine' });
    if (code === 'superseded') await valueOf(page.setStatus('visits', 'synchronized', 'id = :id', { params: { id } }));
    await session.engine.synchronize('call', {});
    const [failure] = await valueOf(page.failures({}));
    expect(failure).toMatchObject({ code, key: id, base: { note: 'a note' }, content: { note: 'mine' } });
  });
});

describe('server-sent records', () => {
  const manual: Record<string, TableOptions> = { visits: { path: '/api/visits', key: 'id', conflict: 'manual' } };

  it('are applied like a download: new, newer and deleted ones, known to all tabs (R-03)', async () => {
    const { device, session, page } = await openDevice(fixture);
    const [made, newer, gone] = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of [newer, gone]) await write(session, 'visits', id, visit(id));
    await session.engine.synchronize('first', {});
    await fixture.request('POST', '/api/visits', { body: visit(made) });
    await fixture.request('PATCH', `/api/visits/${newer}`, { body: { note: 'theirs' } });
    await fixture.request('DELETE', `/api/visits/${gone}`);
    device.events.length = 0;
    const result = await valueOf(page.receive('visits', [made, { id: newer, note: 'not believed' }, gone]));
    expect(result).toEqual({ received: 2, removed: 1, changed: [] });
    expect(await see(session, 'visits', made)).toMatchObject({ detail: 'clean', record: { note: 'a note' } });
    expect(await see(session, 'visits', newer)).toMatchObject({ detail: 'clean', record: { note: 'theirs' } });
    expect((await see(session, 'visits', gone)).record).toBeNull();
    expect(device.events).toContainEqual({
      ...{ type: 'changed', source: 'server' },
      tables: { visits: { changed: [made, newer].sort(), removed: [gone] } },
    });
    await session.engine.synchronize('again', {});
    expect(await see(session, 'visits', newer)).toMatchObject({ detail: 'clean', record: { note: 'theirs' } });
  });

  it('over a local change are a conflict, never a silent loss (R-03)', async () => {
    const { session, page } = await openDevice(fixture, manual);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    await session.engine.synchronize('first', {});
    const { record } = await see(session, 'visits', id);
    await write(session, 'visits', id, { ...record, note: 'mine' });
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
    expect(await valueOf(page.receive('visits', [id]))).toEqual({ received: 1, removed: 0, changed: [id] });
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'pending', record: { note: 'mine' } });
    await session.engine.synchronize('call', send);
    expect(await valueOf(page.conflicts())).toMatchObject([
      { key: id, base: { note: 'a note' }, local: { note: 'mine' }, server: { note: 'theirs' } },
    ]);
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ note: 'theirs' });
  });

  it.each(['received', 'selected'] as const)(
    'end a hold when %s, and what was held is a failure (R-03, K-04)',
    async (by) => {
      const { session, page } = await openDevice(fixture);
      const id = randomUUID();
      await write(session, 'visits', id, visit(id));
      await session.engine.synchronize('first', {});
      await write(session, 'visits', id, visit(id, { note: 'mine' }));
      await valueOf(page.setStatus('visits', 'synchronized', 'id = :id', { params: { id } }));
      await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
      if (by === 'received') await valueOf(page.receive('visits', [id]));
      else {
        const result = await session.engine.synchronize('call', { mode: 'selected', selection: { visits: [id] } });
        expect(result.selected).toMatchObject([{ key: id, outcome: 'refreshed', record: { note: 'theirs' } }]);
      }
      expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'theirs' } });
      expect(await valueOf(page.failures({}))).toMatchObject([{ code: 'superseded', content: { note: 'mine' } }]);
    },
  );

  it('that cannot be read, or are none of the table’s, change nothing (R-03)', async () => {
    const { device, session, page } = await openDevice(fixture);
    await session.engine.synchronize('first', {});
    device.network = noNetwork;
    expect(await page.receive('visits', ['ana-visit-1'])).toMatchObject({ ok: false, error: { code: 'network' } });
    expect(await page.receive('products', ['x'])).toMatchObject({ ok: false, error: { code: 'invalid-key' } });
    expect(await page.receive('nowhere', [])).toMatchObject({ ok: false, error: { code: 'unknown-table' } });
    expect((await see(session, 'visits', 'ana-visit-1')).detail).toBe('clean');
  });
});
