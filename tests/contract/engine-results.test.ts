import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../sw/store/history.ts';
import { readState } from '../../sw/sync/state.ts';
import { Device, see, write } from './engine-fixture.ts';
import { holding, network, noNetwork, openDevice, pageOf, valueOf, visit } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

async function isOnServer(id: string): Promise<boolean> {
  return (await fixture.fetch(`/api/visits/${id}`)).status === 200;
}

describe('a call while another run goes', () => {
  it('takes part in it with join, if the run covers it and all that is written by now (S-08)', async () => {
    const { device, session } = await openDevice(fixture);
    const held = holding('/sync/download');
    device.network = held.network;
    const first = session.engine.synchronize('first', {});
    await held.reached;
    const second = session.engine.synchronize('second', { onBusy: 'join' });
    await new Promise(setImmediate);
    held.letGo();
    expect((await second).run).toBe((await first).run);
    expect(device.events.filter(({ type }) => type === 'finished')).toHaveLength(1);
  });

  it('does not take part with join in a run that began before its own write: that gets a run of its own (S-08)', async () => {
    const { device, session } = await openDevice(fixture);
    const held = holding('/sync/download');
    device.network = held.network;
    const first = session.engine.synchronize('first', {});
    await held.reached;
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    const second = session.engine.synchronize('second', { onBusy: 'join', mode: 'unsynchronized' });
    held.letGo();
    expect((await second).run).not.toBe((await first).run);
    expect(await second).toMatchObject({ outcome: 'finished', uploaded: 1 });
    expect(await isOnServer(id)).toBe(true);
  });

  it('waits for its end with queue, and the two never overlap (S-08)', async () => {
    const { device, session } = await openDevice(fixture);
    const held = holding('/sync/download');
    device.network = held.network;
    const first = session.engine.synchronize('first', {});
    await held.reached;
    const others = ['second', 'third'].map((call) => session.engine.synchronize(call, { onBusy: 'queue' }));
    held.letGo();
    const runs = await Promise.all([first, ...others]);
    expect(new Set(runs.map(({ run }) => run)).size).toBe(3);
    const order = device.events.flatMap(({ type }) => (type === 'started' || type === 'finished' ? [type] : []));
    expect(order).toEqual(['started', 'finished', 'started', 'finished', 'started', 'finished']);
    expect(device.events.some(({ type }) => type === 'busy')).toBe(false);
  });

  it('that joined and is aborted leaves alone: the run goes on for the others (S-08)', async () => {
    const { device, session } = await openDevice(fixture);
    const held = holding('/sync/download');
    device.network = held.network;
    const first = session.engine.synchronize('first', {});
    await held.reached;
    const second = session.engine.synchronize('second', { onBusy: 'join' });
    const left = expect(second).rejects.toMatchObject({ code: 'cancelled' });
    await new Promise(setImmediate);
    expect(await session.engine.cancel('second')).toBe(true);
    await left;
    held.letGo();
    expect(await first).toMatchObject({ outcome: 'finished' });
  });

  it('queued and aborted begins no run, and leaves the one that goes alone (S-08)', async () => {
    const { device, session } = await openDevice(fixture);
    const held = holding('/sync/download');
    device.network = held.network;
    const first = session.engine.synchronize('first', {});
    await held.reached;
    const second = session.engine.synchronize('second', { onBusy: 'queue' });
    const left = expect(second).rejects.toMatchObject({ code: 'cancelled' });
    await session.engine.cancel('second');
    await left;
    held.letGo();
    expect(await first).toMatchObject({ outcome: 'finished' });
    expect(device.events.filter(({ type }) => type === 'started')).toHaveLength(1);
  });
});

describe('a run that is cancelled', () => {
  it('keeps what was settled, leaves the rest pending, and applies nothing of its download (S-09)', async () => {
    const { device, session } = await openDevice(fixture);
    const [sent, left] = [randomUUID(), randomUUID()];
    await write(session, 'visits', sent, visit(sent));
    const held = holding('/sync/download');
    device.network = held.network;
    const run = session.engine.synchronize('call', {});
    const cancelled = expect(run).rejects.toMatchObject({
      code: 'cancelled',
      details: { result: { outcome: 'cancelled', uploaded: 1, downloaded: 0 } },
    });
    await held.reached;
    await write(session, 'visits', left, visit(left));
    expect(await session.engine.cancel(null)).toBe(true);
    await cancelled;
    expect([(await see(session, 'visits', sent)).detail, await isOnServer(sent)]).toEqual(['clean', true]);
    expect([(await see(session, 'visits', left)).detail, await isOnServer(left)]).toEqual(['pending', false]);
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    held.letGo();
  });

  it('in its final switch answers too-late, and finishes (S-09)', async () => {
    const device = new Device(fixture);
    let answer: Promise<unknown> = Promise.resolve(null);
    const worker = device.startWorker({
      onEvent: (_user, event) => {
        if (event.type !== 'progress' || event.progress.phase !== 'apply') return;
        answer = session.engine.cancel(null).catch((error: unknown) => error);
      },
    });
    const session = await worker.signIn('ana');
    expect(await session.engine.synchronize('call', {})).toMatchObject({ outcome: 'finished' });
    expect(await answer).toMatchObject({ code: 'too-late' });
    expect((await see(session, 'places', 'AD-1')).record).not.toBeNull();
  });
});

describe('the result of a run', () => {
  it('has counts and keys by table and outcome, what was skipped and removed, bytes, duration and trigger, and goes to all tabs (S-11)', async () => {
    const { device, session, page } = await openDevice(fixture);
    const [good, bad, held, removed] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', removed, visit(removed));
    await write(session, 'visits', held, visit(held));
    await session.engine.synchronize('first', {});
    await fixture.request('DELETE', `/api/visits/${removed}`);
    await write(session, 'visits', held, visit(held, { note: 'held' }));
    await valueOf(page.setStatus('visits', 'synchronized', 'id = :id', { params: { id: held } }));
    await write(session, 'visits', good, visit(good));
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    const result = await session.engine.synchronize('call', {});
    expect(result).toMatchObject({
      ...{ mode: 'all', trigger: 'call', outcome: 'partial', user: 'ana', uploaded: 1, failed: 1, removed: 1 },
      tables: { visits: { uploaded: 1, failed: 1, removed: 1, uploadedKeys: [good], failedKeys: [bad] } },
      skipped: [{ table: 'visits', key: held, reason: 'held' }],
    });
    for (const number of [result.bytesSent, result.bytesReceived, result.durationMs]) expect(number).toBeGreaterThan(0);
    expect(device.events).toContainEqual({ type: 'finished', result });
  });

  it('names records that stayed behind in an earlier run as skipped, not as failed again (S-11)', async () => {
    const { session } = await openDevice(fixture);
    const bad = randomUUID();
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    await session.engine.synchronize('first', { mode: 'unsynchronized' });
    const result = await session.engine.synchronize('again', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(result.skipped).toEqual([{ table: 'visits', key: bad, reason: 'rejected' }]);
  });

  it('is in the history with its errors; the last hundred are kept, the newest first (S-15)', async () => {
    const { device, session, page } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = noNetwork;
    await expect(session.engine.synchronize('offline', {})).rejects.toMatchObject({ code: 'network' });
    const [failed] = await valueOf(page.history({ limit: 1 }));
    expect(failed).toMatchObject({ outcome: 'failed', trigger: 'call', error: { code: 'network' }, uploaded: 0 });
    device.network = network;
    const runs: string[] = [];
    for (let count = 0; count < 101; count += 1)
      runs.push((await session.engine.synchronize(`run-${count}`, { mode: 'unsynchronized' })).run);
    const history = await valueOf(page.history({ limit: 1000 }));
    expect(history.map(({ run }) => run)).toEqual(runs.slice(1).reverse());
    expect(history.every(({ durationMs }) => durationMs >= 0)).toBe(true);
    expect((await valueOf(page.history({ limit: 2, offset: 1 }))).map(({ run }) => run)).toEqual(
      runs.slice(-3, -1).reverse(),
    );
  });
});

describe('the first download', () => {
  it('is told as progress, makes the state ready at its end, and a later start waits for no network (S-13)', async () => {
    const { device, session } = await openDevice(fixture);
    expect(await readState(session)).toMatchObject({ ready: false });
    const held = holding('/sync/download');
    device.network = held.network;
    const run = session.engine.requestRun('start');
    await held.reached;
    expect(await readState(session)).toMatchObject({ ready: false, syncing: true, progress: { phase: 'download' } });
    held.letGo();
    await run;
    expect(await readState(session)).toMatchObject({ ready: true });
    let requests = 0;
    device.network = () => {
      requests += 1;
      return new Promise<never>(() => undefined);
    };
    const worker = device.startWorker();
    const later = await worker.sessions.current();
    expect(await valueOf(pageOf(worker, later).state())).toMatchObject({ ready: true });
    expect((await see(later, 'places', 'AD-1')).record).not.toBeNull();
    expect(requests).toBe(0);
  });

  it('is followed by word of each record that changed and each that went (D-07)', async () => {
    const { device, session } = await openDevice(fixture);
    const [changed, removed] = [randomUUID(), randomUUID()];
    for (const id of [changed, removed]) await fixture.request('POST', '/api/visits', { body: visit(id) });
    await session.engine.synchronize('first', {});
    const first = device.events.find(({ type }) => type === 'changed');
    expect(first).toMatchObject({ source: 'server', tables: { places: { changed: null, removed: null } } });
    await fixture.request('PATCH', `/api/visits/${changed}`, { body: { note: 'theirs' } });
    await fixture.request('DELETE', `/api/visits/${removed}`);
    device.events.length = 0;
    await session.engine.synchronize('again', {});
    const told = device.events.filter((event) => event.type === 'changed' && event.source === 'server');
    expect(told).toEqual([
      { type: 'changed', source: 'server', tables: { visits: { changed: [changed], removed: [removed] } } },
    ]);
    const [last] = await readHistory(session.database, { limit: 1, offset: 0 });
    expect(last).toMatchObject({ downloaded: 1, removed: 1 });
  });
});
