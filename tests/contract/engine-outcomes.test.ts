import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WriteOutcome } from '../../sw/protocol/outcome.ts';
import { readState, tellPending } from '../../sw/sync/state.ts';
import { tellUnheard } from '../../sw/sync/unheard.ts';
import { Device, see, signal } from './engine-fixture.ts';
import { holding, noNetwork, openDevice, pageOf, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());
afterEach(() => {
  vi.useRealTimers();
});

const wait = { Prefer: 'respond-async, wait=20' };

async function outcomeOf({ page }: Opened, key: string): Promise<WriteOutcome> {
  return valueOf(page.outcomeOf(key));
}

/** Posts a visit under an idempotency key of its own. */
async function post(
  opened: Opened,
  record: Record<string, string>,
): Promise<{ readonly id: string; readonly key: string }> {
  const [id, key] = [randomUUID(), randomUUID()];
  await ask(opened.session, 'POST', '/api/visits', visit(id, record), { 'Idempotency-Key': key });
  return { id, key };
}

describe('A write that prefers to wait (U-13)', () => {
  it('is answered with the record that the server made of it', async () => {
    const { session } = await openDevice(fixture);
    const id = randomUUID();
    const made = await ask(session, 'POST', '/api/visits', visit(id, { reference: 'low' }), wait);
    expect(made).toMatchObject({ status: 201, record: { reference: 'LOW', status: 'open' } });
    expect(made.headers.get('Sync-Status')).toBe('synchronized');
    expect(made.headers.get('Preference-Applied')).toBe('wait=20');
    const edited = await ask(session, 'PATCH', `/api/visits/${id}`, { reference: 'lower' }, wait);
    expect(edited).toMatchObject({ status: 200, record: { reference: 'LOWER' } });
    const gone = await ask(session, 'DELETE', `/api/visits/${id}`, undefined, wait);
    expect([gone.status, gone.headers.get('Sync-Status')]).toEqual([204, 'synchronized']);
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(404);
  });

  it('is answered under the key that the server made', async () => {
    const { session } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    const made = await ask(session, 'POST', '/api/tasks', { title: 'Call', visitId: id }, wait);
    expect(Number(made.record['id'])).toBeGreaterThan(0);
    expect(made.headers.get('Location')).toBe(`/api/tasks/${String(Number(made.record['id']))}`);
  });

  it('is answered with the server’s refusal, and stays to be mended', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    const answer = await ask(session, 'POST', '/api/visits', visit(id, { rating: 9 }), wait);
    expect(answer).toMatchObject({
      status: 422,
      record: { code: 'validation' },
    });
    const [failure] = await valueOf(page.failures({}));
    expect(answer.record['failure']).toBe(failure?.id);
    expect(answer.record['fields']).toHaveProperty('rating');
    expect((await see(session, 'visits', id)).detail).toBe('rejected');
  });

  it('gets the usual answer without a network, and when the time is over', async () => {
    const { session, device } = await openDevice(fixture);
    device.network = noNetwork;
    const offline = await ask(session, 'POST', '/api/visits', visit(randomUUID()), wait);
    expect([offline.status, offline.headers.get('Sync-Status')]).toEqual([201, 'not-synchronized']);
    const gate = signal();
    device.advance(600_000);
    device.network = async (_path, forward) => {
      await gate.given;
      return forward();
    };
    const id = randomUUID();
    const slow = await ask(session, 'POST', '/api/visits', visit(id), { Prefer: 'wait=1' });
    expect([slow.status, slow.headers.get('Sync-Status')]).toEqual([201, 'not-synchronized']);
    gate.give();
    await session.engine.synchronize('call', { onBusy: 'queue' });
    expect((await see(session, 'visits', id)).detail).toBe('clean');
  });

  it('works for a command', async () => {
    const { session } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    const closed = await ask(session, 'POST', `/api/visits/${id}/close`, undefined, wait);
    expect([closed.status, closed.headers.get('Sync-Status')]).toEqual([200, 'synchronized']);
    const refused = await ask(session, 'POST', `/api/visits/${id}/hand-over`, { to: 'nobody' }, wait);
    expect(refused).toMatchObject({ status: 422, record: { fields: { to: 'must name a user' } } });
  });
});

describe('A write that waits while its user signs out', () => {
  it('is answered as stored, since it is', async () => {
    const opened = await openDevice(fixture);
    const { session, page, device, worker } = opened;
    const { network, reached, letGo } = holding('/sync/upload');
    device.network = network;
    const id = randomUUID();
    const posted = ask(session, 'POST', '/api/visits', visit(id), wait);
    await reached;
    expect(await valueOf(page.signOut({}))).toBe(true);
    letGo();
    expect((await posted).status).toBe(201);
    expect((await see(await worker.signIn('ana'), 'visits', id)).record).toMatchObject({ id });
  });

  it('and so is a command', async () => {
    const opened = await openDevice(fixture);
    const { session, page, device } = opened;
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id), wait);
    const { network, reached, letGo } = holding('/sync/upload');
    device.network = network;
    const closed = ask(session, 'POST', `/api/visits/${id}/close`, undefined, wait);
    await reached;
    expect(await valueOf(page.signOut({}))).toBe(true);
    letGo();
    expect((await closed).status).toBe(202);
  });

  it('and what follows a stored write does not reject where the database is gone', async () => {
    const { session, page } = await openDevice(fixture);
    expect(await valueOf(page.signOut({ data: 'remove' }))).toBe(true);
    await expect(readState(session)).rejects.toBeInstanceOf(Error);
    await expect(tellPending(session)).resolves.toBeUndefined();
  });
});

describe('What became of a write', () => {
  it('is told while it waits, when it was taken, and by another worker', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const session = await worker.signIn('ana');
    const opened = { device, worker, session, page: pageOf(worker, session) };
    device.network = noNetwork;
    const { id, key } = await post(opened, { note: 'waits' });
    expect(await outcomeOf(opened, key)).toEqual({ type: 'pending', detail: 'pending', table: 'visits', key: id });
    device.network = (_path, forward) => forward();
    await session.engine.synchronize('one', {});
    worker.kill();
    const next = device.startWorker();
    const page = pageOf(next, await next.signIn('ana'));
    expect(await valueOf(page.outcomeOf(key))).toEqual({ type: 'applied', table: 'visits', key: id });
    expect(await valueOf(page.outcomeOf(randomUUID()))).toEqual({ type: 'unknown' });
  });

  it('is told when it was refused, mended and discarded', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const bad = await post(opened, { note: '#reject' });
    const worse = await post(opened, { note: '#reject too' });
    await session.engine.synchronize('one', {});
    const refused = await outcomeOf(opened, bad.key);
    expect(refused).toMatchObject({ type: 'refused', code: 'hook', key: bad.id });
    await ask(session, 'PATCH', `/api/visits/${bad.id}`, { note: 'mended' });
    expect(await outcomeOf(opened, bad.key)).toMatchObject({ type: 'pending' });
    const other = await outcomeOf(opened, worse.key);
    await valueOf(page.discard(other.type === 'refused' ? (other.failure ?? '') : ''));
    expect(await outcomeOf(opened, worse.key)).toMatchObject({ type: 'discarded' });
    await session.engine.synchronize('two', {});
    expect(await outcomeOf(opened, bad.key)).toMatchObject({ type: 'applied' });
  });

  it('is told of one that was edited while it was sent, and refused', async () => {
    const opened = await openDevice(fixture);
    const { session, device } = opened;
    const reached = signal();
    const gate = signal();
    device.network = async (path, forward) => {
      if (path === '/sync/upload') {
        reached.give();
        await gate.given;
      }
      return forward();
    };
    const { id, key } = await post(opened, { note: '#reject' });
    const run = session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    await reached.given;
    expect(await outcomeOf(opened, key)).toMatchObject({ type: 'pending', detail: 'in-flight' });
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'edited' });
    gate.give();
    await run;
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await outcomeOf(opened, key)).toEqual({ type: 'applied', table: 'visits', key: id });
  });

  it('is told of one that came to nothing, of a record that went, and of a command', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    await session.engine.synchronize('one', {});
    const dropped = await post(opened, { note: 'dropped' });
    const last = randomUUID();
    await ask(session, 'DELETE', `/api/visits/${dropped.id}`, undefined, { 'Idempotency-Key': last });
    expect(await outcomeOf(opened, dropped.key)).toMatchObject({ type: 'discarded' });
    expect(await outcomeOf(opened, last)).toMatchObject({ type: 'discarded' });
    const { id } = await post(opened, { note: 'to be deleted elsewhere' });
    await session.engine.synchronize('two', {});
    await fixture.fetch(`/api/visits/${id}`, { method: 'DELETE' });
    const [edit, close] = [randomUUID(), randomUUID()];
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'too late' }, { 'Idempotency-Key': edit });
    await ask(session, 'POST', `/api/visits/${id}/close`, {}, { 'Idempotency-Key': close });
    await session.engine.synchronize('three', {});
    expect(await outcomeOf(opened, edit)).toMatchObject({ type: 'refused', code: 'gone', key: id });
    expect(await outcomeOf(opened, close)).toMatchObject({ type: 'refused', code: 'gone', table: '' });
  });

  it('is told of a group as one', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const key = { idempotencyKey: randomUUID() };
    const [good, bad] = [randomUUID(), randomUUID()];
    await valueOf(
      page.group(
        [
          { method: 'POST', url: '/api/visits', body: visit(good) },
          { method: 'POST', url: '/api/visits', body: visit(bad, { note: '#reject' }) },
        ],
        key,
      ),
    );
    expect(await outcomeOf(opened, key.idempotencyKey)).toMatchObject({ type: 'pending' });
    await session.engine.synchronize('one', {});
    expect(await outcomeOf(opened, key.idempotencyKey)).toMatchObject({ type: 'refused', code: 'hook' });
    await ask(session, 'PATCH', `/api/visits/${bad}`, { note: 'mended' });
    await session.engine.synchronize('two', {});
    expect(await outcomeOf(opened, key.idempotencyKey)).toMatchObject({ type: 'applied' });
  });
});

describe('A write whose answer no page may have got (SPEC Q-5)', () => {
  const unheard = ({ device }: Opened): readonly unknown[] =>
    device.events.flatMap((event) => (event.type === 'unknown-outcome' ? [[event.table, event.key]] : []));

  it('is told to every page once no repeat can come, and once', async () => {
    const opened = await openDevice(fixture);
    const { session, device, worker } = opened;
    device.network = noNetwork;
    const [id, other] = [randomUUID(), randomUUID()];
    await ask(session, 'POST', '/api/visits', visit(id));
    await ask(session, 'POST', '/api/visits', visit(other), { 'Idempotency-Key': randomUUID() });
    await tellUnheard(session);
    worker.kill();
    device.advance(60_000);
    const next = await device.startWorker().signIn('ana');
    expect(unheard(opened)).toEqual([]);
    await tellUnheard(next);
    expect(unheard(opened)).toEqual([['visits', id]]);
    await tellUnheard(next);
    expect(unheard(opened)).toHaveLength(1);
  });

  it('is not told while the browser may still give the request to the next worker', async () => {
    const opened = await openDevice(fixture);
    const { session, device, worker } = opened;
    device.network = noNetwork;
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    worker.kill();
    const next = await device.startWorker().signIn('ana');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const told = vi.fn();
    const telling = tellUnheard(next).then(told);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0), { timeout: 30_000 });
    expect(unheard(opened)).toEqual([]);
    device.advance(10_000);
    // The first timer may be of the run that begins with the sign-in.
    while (told.mock.calls.length === 0) await vi.advanceTimersByTimeAsync(10_000);
    await telling;
    expect(unheard(opened)).toEqual([['visits', id]]);
  });
});
