import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyText } from '../../sw/protocol/errors.ts';
import { resolveFailure } from '../../sw/store/conflicts.ts';
import { discardFailure, readFailures, retryFailure } from '../../sw/store/failures.ts';
import { readState, findObstacle } from '../../sw/sync/state.ts';
import { newMutationId } from './close-command.ts';
import { Device, see, signal, write } from './engine-fixture.ts';
import { losingUploads } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function visit(id: string, more: Record<string, string | number> = {}): Record<string, string | number> {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

async function onServer(id: string): Promise<unknown> {
  const answer = await fixture.fetch(`/api/visits/${id}`);
  return answer.status === 404 ? null : answer.json();
}

describe('a run', () => {
  it('of mode all uploads every change, then downloads every table (S-01), with the server’s own fields (S-05)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { reference: `ref-${id}` }));
    const result = await session.engine.synchronize('call', { mode: 'all' });
    expect(result).toMatchObject({ outcome: 'finished', uploaded: 1, failed: 0 });
    expect(result.tables['places']?.downloaded).toBe(50);
    const seen = await see(session, 'visits', id);
    expect(seen).toMatchObject({ detail: 'clean', record: { reference: `REF-${id.toUpperCase()}` } });
    expect(await readState(session)).toMatchObject({ pending: 0, ready: true, syncing: false });
  });

  it('of mode unsynchronized uploads, and refreshes only what it uploaded (S-02)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ uploaded: 1, downloaded: 0 });
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { status: 'open' } });
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
  });

  it('is the last one that a tab hears of when it connects, and none before the first (S-15)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    expect(await readState(session)).toMatchObject({ lastResult: null });
    const first = await session.engine.synchronize('first', { mode: 'all' });
    expect(await readState(session)).toMatchObject({ lastResult: { run: first.run } });
    device.advance(1_000);
    const second = await session.engine.synchronize('second', { mode: 'all' });
    expect(second.run).not.toBe(first.run);
    expect(await readState(session)).toMatchObject({ lastResult: { run: second.run } });
  });

  it('after a lost answer sends the same ids again, and nothing is applied twice (U-03, S-06)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = losingUploads(1);
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ code: 'network' });
    expect((await see(session, 'visits', id)).detail).toBe('in-flight');
    const result = await session.engine.synchronize('second', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'finished', uploaded: 1, failed: 0 });
    const rows = await fixture.server.database.query('select id from visits where id = $1', [id]);
    expect(rows).toHaveLength(1);
  });

  it('settles the older version first when it was edited in flight, and keeps what the server made of it (U-04)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { reference: `in-${id}` }));
    device.network = losingUploads(1);
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ code: 'network' });
    await write(session, 'visits', id, visit(id, { reference: `in-${id}`, note: 'edited' }));
    const result = await session.engine.synchronize('second', { mode: 'unsynchronized' });
    expect(result.outcome).toBe('finished');
    expect(await onServer(id)).toMatchObject({ note: 'edited', reference: `IN-${id.toUpperCase()}` });
    expect((await see(session, 'visits', id)).detail).toBe('clean');
  });

  it('stopped in mid-upload is finished by the next worker, with the same batch (SPEC R-1, T-2)', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const session = await first.signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    const reached = signal();
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path === '/sync/upload') {
        first.kill();
        reached.give();
      }
      return answer;
    };
    void session.engine.synchronize('call', { mode: 'all' });
    await reached.given;
    device.network = (_path, forward) => forward();
    const next = await device.startWorker().signIn('ana');
    expect(await readState(next)).toMatchObject({ syncing: true, pending: 1 });
    expect(await next.engine.requestRun('start')).toBe(true);
    expect(await readState(next)).toMatchObject({ syncing: false, pending: 0, ready: true });
    const rows = await fixture.server.database.query('select id from visits where id = $1', [id]);
    expect(rows).toHaveLength(1);
  });

  it('whose download is cut changes nothing in the view (D-03)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/sync/download') return answer;
      const text = await answer.text();
      return new Response(text.slice(0, text.lastIndexOf('{"type":"finish"')), { headers: answer.headers });
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    expect(await readState(session)).toMatchObject({ ready: false, syncing: false });
    device.network = (_path, forward) => forward();
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'finished' });
    expect((await see(session, 'places', 'AD-1')).record).not.toBeNull();
  });

  it('takes a login page for a network fault, not for an acknowledgement (U-11)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = () =>
      Promise.resolve(new Response('<html>Sign in</html>', { headers: { 'Content-Type': 'text/html' } }));
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({
      code: 'not-our-server',
      retryable: true,
    });
    expect((await see(session, 'visits', id)).detail).toBe('in-flight');
    expect(await findObstacle(session)).toMatchObject({ type: 'backing-off', code: 'not-our-server' });
  });

  it('pauses on 401, keeps everything, and goes on after signing in (U-10)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const session = await worker.signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = () => Promise.resolve(Response.json({ code: 'auth-required' }, { status: 401 }));
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'auth-required' });
    expect(device.events.some((event) => event.type === 'auth-required')).toBe(true);
    expect(await session.engine.requestRun('timer')).toBe(false);
    device.network = (_path, forward) => forward();
    await worker.signIn('ana');
    expect(await session.engine.requestRun('timer')).toBe(true);
    expect(await onServer(id)).not.toBeNull();
  });

  it('leaves a rejected record here with its reason, and sends the others (S-12, U-06)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const [good, bad] = [randomUUID(), randomUUID()];
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    await write(session, 'visits', good, visit(good));
    const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'partial', uploaded: 1, failed: 1 });
    expect(await see(session, 'visits', bad)).toMatchObject({ detail: 'rejected', record: { rating: 9 } });
    const [failure] = await readFailures(session.database, { limit: 10, offset: 0 });
    expect(failure).toMatchObject({ key: bad, code: 'validation', retriable: true, content: { rating: 9 } });
    await write(session, 'visits', bad, visit(bad, { rating: 5 }));
    expect(await session.engine.synchronize('again', { mode: 'unsynchronized' })).toMatchObject({ uploaded: 1 });
    expect(await onServer(bad)).toMatchObject({ rating: 5 });
    if (failure !== undefined) await discardFailure(session.database, failure.id);
    expect(await readFailures(session.database, { limit: 10, offset: 0 })).toEqual([]);
  });

  it('that fails an edit of what had failed keeps the edit from the word on the older failure (S-12)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const id = randomUUID();
    const failuresOf = () => readFailures(session.database, { limit: 10, offset: 0 });
    await write(session, 'visits', id, visit(id, { rating: 9 }));
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    await write(session, 'visits', id, visit(id, { rating: 8 }));
    await session.engine.synchronize('again', { mode: 'unsynchronized' });
    const [newer, older] = await failuresOf();
    expect(newer).toMatchObject({ content: { rating: 8 }, retriable: true });
    expect(older).toMatchObject({ content: { rating: 9 }, retriable: false });
    await write(session, 'visits', id, visit(id, { rating: 7 }));
    await session.engine.synchronize('third', { mode: 'unsynchronized' });
    const [newest, notNewest] = await failuresOf();
    expect(notNewest).toMatchObject({ id: newer?.id, retriable: false });
    const choice = { record: visit(id, { rating: 5 }), mutationId: newMutationId(), rules: null };
    expect(
      await resolveFailure(session, newer?.id ?? '', { ...choice, now: 1, user: 'ana', newId: randomUUID }),
    ).toBeNull();
    expect(await retryFailure(session.database, older?.id ?? '', newMutationId)).toBe(false);
    await discardFailure(session.database, newer?.id ?? '');
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'rejected', record: { rating: 7 } });
    expect(await failuresOf()).toMatchObject([{ id: newest?.id, retriable: true }]);
    expect(await retryFailure(session.database, newest?.id ?? '', newMutationId)).toBe(true);
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'pending', record: { rating: 7 } });
  });

  it('sends a child after its parent, and blocks a child of a rejected parent by name (U-01, U-07)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const [parent, child, bad, orphan] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'lines', child, { id: child, visitId: parent, productCode: 1, quantity: 2, price: 3 });
    await write(session, 'visits', parent, visit(parent));
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect((await see(session, 'lines', child)).detail).toBe('clean');
    await write(session, 'lines', orphan, { id: orphan, visitId: bad, productCode: 1, quantity: 2, price: 3 });
    await session.engine.synchronize('again', { mode: 'unsynchronized' });
    expect((await see(session, 'lines', orphan)).detail).toBe('blocked');
  });

  it('asks nothing of the server for what was made and deleted before it (S-07)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    await write(session, 'visits', id, null);
    let uploads = 0;
    device.network = (path, forward) => {
      if (path === '/sync/upload') uploads += 1;
      return forward();
    };
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(uploads).toBe(0);
  });

  it('refuses a second call at once with the exact text, and all tabs hear it (S-08)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const gate = signal();
    device.network = async (_path, forward) => {
      await gate.given;
      return forward();
    };
    const first = session.engine.synchronize('first', {});
    await expect(session.engine.synchronize('second', {})).rejects.toMatchObject({ code: 'busy', message: busyText });
    expect(device.events).toContainEqual({ type: 'busy', message: busyText });
    gate.give();
    expect(await first).toMatchObject({ outcome: 'finished' });
  });

  it('that is cancelled applies nothing of its download (S-09)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const reached = signal();
    device.network = (path, forward) => {
      if (path !== '/sync/download') return forward();
      reached.give();
      return new Promise<never>(() => undefined);
    };
    const run = session.engine.synchronize('call', {});
    run.catch(() => undefined);
    await reached.given;
    expect(await readState(session)).toMatchObject({ syncing: true });
    expect(await session.engine.cancel(null)).toBe(true);
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(await readState(session)).toMatchObject({ syncing: false, ready: false });
    device.network = (_path, forward) => forward();
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'finished' });
  });

  it('removes what another device deleted, and brings what it changed (D-02)', async () => {
    const one = await new Device(fixture).startWorker().signIn('ana');
    const two = await new Device(fixture).startWorker().signIn('ana');
    const [kept, gone] = [randomUUID(), randomUUID()];
    await write(one, 'visits', kept, visit(kept));
    await write(one, 'visits', gone, visit(gone));
    await one.engine.synchronize('call', {});
    await two.engine.synchronize('call', {});
    expect((await see(two, 'visits', gone)).record).not.toBeNull();
    await write(one, 'visits', kept, visit(kept, { note: 'changed' }));
    await write(one, 'visits', gone, null);
    await one.engine.synchronize('again', {});
    const result = await two.engine.synchronize('again', {});
    expect(result.tables['visits']).toMatchObject({ removed: 1 });
    expect((await see(two, 'visits', kept)).record).toMatchObject({ note: 'changed' });
    expect((await see(two, 'visits', gone)).record).toBeNull();
  });

  it('keeps one user’s work from another’s sign-in (invariant 12)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const ana = await worker.signIn('ana');
    const id = randomUUID();
    await write(ana, 'visits', id, visit(id));
    const ben = await worker.signIn('ben');
    await ben.engine.synchronize('call', {});
    expect((await see(ben, 'visits', id)).record).toBeNull();
    expect(await onServer(id)).toBeNull();
    const again = await worker.signIn('ana');
    expect(await see(again, 'visits', id)).toMatchObject({ detail: 'pending' });
    await again.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(await onServer(id)).not.toBeNull();
  });
});
