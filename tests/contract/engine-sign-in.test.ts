import { randomUUID } from 'node:crypto';
import { deleteDB, openDB } from 'idb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkerMethods, type SessionMethods } from '../../sw/sync/worker-methods.ts';
import { findObstacle, readState } from '../../sw/sync/state.ts';
import { Device, see, signal, write, type Worker } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function visit(id: string, more: Record<string, string | number> = {}): Record<string, string | number> {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

async function isOnServer(id: string, user: 'ana' | 'ben' = 'ana'): Promise<boolean> {
  return (await fixture.fetch(`/api/visits/${id}`, { user })).status !== 404;
}

/** What a page can call, by its client id. */
async function pageOf(worker: Worker, page: string): Promise<SessionMethods> {
  const { schema } = await worker.sessions.current();
  return createWorkerMethods(worker.sessions.boundTo(page), schema, () => randomUUID());
}

/** A device with ana's page, `page-1`, on which ben has signed in since. */
async function pageOfAnaUnderBen(): Promise<{ readonly device: Device; readonly first: Worker }> {
  const device = new Device(fixture);
  const first = device.startWorker();
  const page = await pageOf(first, 'page-1');
  await page.signIn({ user: 'ana' });
  await page.state();
  await first.signIn('ben');
  return { device, first };
}

/** The answer to a page that is bound to somebody else than who is signed in. */
const refused = { ok: false, error: { code: 'user-changed' } };

async function databaseNames(): Promise<string[]> {
  const infos = await indexedDB.databases();
  return infos.map((info) => info.name ?? '');
}

describe('a page', () => {
  it('is bound to its sign-in: its calls are refused after another one (invariant 12)', async () => {
    const worker = new Device(fixture).startWorker();
    const page = await pageOf(worker, 'page-of-ana');
    expect(await page.signIn({ user: 'ana' })).toMatchObject({ ok: true });
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana' } });
    expect(await page.signIn({ user: 'ben' })).toMatchObject({ ok: true });
    const calls = [
      page.state(),
      page.synchronize('call', {}),
      page.requestRun('timer'),
      page.cancel(null),
      page.pending(),
      page.history({}),
      page.failures({}),
      page.statusOf('visits', 'any'),
      page.setStatus('visits', 1, 'note IS NULL', {}),
      page.retry('any'),
      page.discard('any'),
      page.provideHeaders({ Authorization: 'Bearer ana-demo' }),
      page.signOut({}),
    ];
    for (const answer of await Promise.all(calls)) expect(answer).toMatchObject(refused);
    const other = await pageOf(worker, 'page-of-ben');
    expect(await other.state()).toMatchObject({ ok: true, value: { user: 'ben' } });
    expect(await page.signIn({ user: 'ana' })).toMatchObject({ ok: true });
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana' } });
    expect(await other.state()).toMatchObject(refused);
  });

  it('stays bound over a restart of the worker', async () => {
    const { device, first } = await pageOfAnaUnderBen();
    first.kill();
    const again = await pageOf(device.startWorker(), 'page-1');
    expect(await again.pending()).toMatchObject(refused);
  });

  it('of another than who is signed in stays bound though the databases are gone (Z-1)', async () => {
    const { device, first } = await pageOfAnaUnderBen();
    const later = await pageOf(first, 'page-2');
    await later.state();
    first.kill();
    await deleteDB(`holdfast:${device.name}`);
    const second = device.startWorker();
    expect(await (await pageOf(second, 'page-1')).pending()).toMatchObject(refused);
    const ben = await pageOf(second, 'page-2');
    expect(await ben.pending()).toMatchObject({ ok: true });
    await ben.signOut({});
    second.kill();
    await deleteDB(`holdfast:${device.name}`);
    const third = device.startWorker();
    await third.signIn('ana');
    expect(await (await pageOf(third, 'page-2')).pending()).toMatchObject(refused);
  });

  it('stays bound though the databases went and somebody else signs in before it has asked anything (Z-1)', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const page = await pageOf(first, 'page-1');
    await page.signIn({ user: 'ana' });
    await page.state();
    device.openPages = ['page-1'];
    await deleteDB(`holdfast:${device.name}`);
    first.kill();
    const second = device.startWorker();
    await second.signIn('ben');
    expect(await (await pageOf(second, 'page-1')).pending()).toMatchObject(refused);
  });

  it('stays bound though the control database goes while its worker lives, over the next worker too (Z-1)', async () => {
    const device = new Device(fixture);
    device.openPages = ['page-1'];
    const first = device.startWorker();
    await first.signIn('ana');
    await deleteDB(`holdfast:${device.name}`);
    // It has not asked anything of this worker.
    await first.signIn('ben');
    first.kill();
    expect(await (await pageOf(device.startWorker(), 'page-1')).pending()).toMatchObject(refused);
  });

  it('stays bound though the control database goes when somebody else has just signed in (Z-1)', async () => {
    const device = new Device(fixture);
    device.openPages = ['page-1'];
    const first = device.startWorker();
    await first.signIn('ana');
    await first.signIn('ben');
    await deleteDB(`holdfast:${device.name}`);
    expect(await (await pageOf(first, 'page-1')).pending()).toMatchObject(refused);
  });

  it('may ask after a sign-out why nothing travels, and hears that nobody is signed in (A-03)', async () => {
    const worker = new Device(fixture).startWorker();
    const page = await pageOf(worker, 'page-1');
    await page.signIn({ user: 'ana' });
    await page.state();
    expect(await page.signOut({})).toMatchObject({ ok: true, value: true });
    expect(await page.whyNotSyncing()).toMatchObject({ ok: true, value: { type: 'signed-out' } });
    expect(await page.state()).toMatchObject({ ok: true, value: { user: '' } });
    expect(await page.pending()).toMatchObject(refused);
    expect(await page.signOut({})).toMatchObject({ ok: true, value: false });
  });
});

describe('another sign-in in mid-run', () => {
  it('ends it: no request goes out any more, and what its answer would store is dropped (invariant 12)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const ana = await worker.signIn('ana');
    const id = randomUUID();
    await write(ana, 'visits', id, visit(id));
    const [reached, gate] = [signal(), signal()];
    const users: string[] = [];
    device.network = async (path, forward, headers) => {
      users.push(`${path} ${headers.get('Sync-Expect-User')} ${headers.get('Authorization')}`);
      if (path === '/sync/upload' && headers.get('Sync-Expect-User') === 'ana') {
        reached.give();
        await gate.given;
      }
      return forward();
    };
    const run = ana.engine.synchronize('call', {});
    run.catch(() => undefined);
    await reached.given;
    const ben = await worker.signIn('ben');
    gate.give();
    await expect(run).rejects.toMatchObject({ code: 'user-changed' });
    await ben.engine.synchronize('call', {});
    expect(users.slice(1).every((entry) => entry.endsWith('ben Bearer ben-demo'))).toBe(true);
    expect((await see(ben, 'visits', id)).record).toBeNull();
    await expect(write(ana, 'visits', randomUUID(), visit('x'))).rejects.toMatchObject({ code: 'user-changed' });
    const again = await worker.signIn('ana');
    expect((await see(again, 'visits', id)).detail).toBe('in-flight');
    expect(await again.engine.requestRun('start')).toBe(true);
    expect(await see(again, 'visits', id)).toMatchObject({ detail: 'clean' });
  });

  it('is not undone by a request that asked for the session just before', async () => {
    const worker = new Device(fixture).startWorker();
    await worker.signIn('ana');
    const [, session] = await Promise.all([worker.sessions.signIn('ben', null), worker.sessions.current()]);
    expect(session.user).toBe('ben');
    expect((await worker.sessions.current()).user).toBe('ben');
  });

  it('stops nothing of a server that answers for somebody else: nothing is sent, stored or cleared', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker({ headers: () => ({ Authorization: 'Bearer ben-demo' }) });
    const ana = await worker.signIn('ana');
    const id = randomUUID();
    await write(ana, 'visits', id, visit(id));
    await expect(ana.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'user-mismatch' });
    const codes = device.events.flatMap((event) => (event.type === 'auth-required' ? [event.error.code] : []));
    expect(codes).toEqual(['user-mismatch']);
    expect(await isOnServer(id)).toBe(false);
    expect(await isOnServer(id, 'ben')).toBe(false);
    expect((await see(ana, 'visits', id)).record).not.toBeNull();
    expect((await see(ana, 'places', 'AD-1')).record).toBeNull();
    expect(await ana.engine.requestRun('timer')).toBe(false);
    expect(await readState(ana)).toMatchObject({ authRequired: true, pending: 1 });
  });

  it('is noticed by the answer alone, where a server did not look at whom the client meant', async () => {
    const device = new Device(fixture);
    const ana = await device.startWorker().signIn('ana');
    device.network = async (_path, forward) => {
      const answer = await forward();
      const headers = new Headers(answer.headers);
      headers.set('Sync-User', 'ben');
      return new Response(answer.body, { status: answer.status, headers });
    };
    await expect(ana.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'user-mismatch' });
    expect((await see(ana, 'places', 'AD-1')).record).toBeNull();
  });
});

describe('headers given at sign-in', () => {
  const headers = { Authorization: 'Bearer ana-demo' };

  it('are sent, and stored nowhere (U-10)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker({ headers: null });
    const session = await worker.sessions.signIn('ana', headers);
    await session.engine.synchronize('call', {});
    for (const name of [`holdfast:${device.name}`, session.database.name]) {
      const database = await openDB(name);
      for (const store of database.objectStoreNames) {
        expect(JSON.stringify(await database.getAll(store))).not.toContain('Bearer');
      }
      database.close();
    }
  });

  it('are asked for again when the worker has lost them, and without them nothing starts (no-credentials)', async () => {
    const device = new Device(fixture);
    const first = device.startWorker({ headers: null });
    const session = await first.sessions.signIn('ana', headers);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    first.kill();
    const lonely = device.startWorker({ headers: null });
    const without = await lonely.sessions.current();
    expect(without.user).toBe('ana');
    expect(await without.engine.requestRun('background-sync')).toBe(false);
    expect(await findObstacle(without)).toEqual({ type: 'no-credentials' });
    await expect(without.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'no-credentials' });
    expect(await readState(without)).toMatchObject({ authRequired: false, pending: 1, failures: 0 });
    lonely.kill();
    const asked: string[] = [];
    const next: Worker = device.startWorker({
      headers: null,
      onEvent: (user, event) => {
        if (event.type !== 'credentials-wanted') return;
        asked.push(user);
        next.sessions.provideHeaders(user, headers);
      },
    });
    const again = await next.sessions.current();
    expect(await again.engine.requestRun('background-sync')).toBe(true);
    expect(asked).toEqual(['ana']);
    expect(await isOnServer(id)).toBe(true);
  });

  it('of one user are never sent for another', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker({ headers: null });
    await worker.sessions.signIn('ana', headers);
    const ben = await worker.sessions.signIn('ben', null);
    const sent: (string | null)[] = [];
    device.network = (_path, forward, own) => {
      sent.push(own.get('Authorization'));
      return forward();
    };
    await expect(ben.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'auth-required' });
    worker.sessions.provideHeaders('ana', headers);
    await expect(ben.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'auth-required' });
    expect(sent.every((header) => header === null)).toBe(true);
  });
});

describe('signing out', () => {
  it('with upload sends what is unsent first (A-06)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const page = await pageOf(worker, 'page');
    await page.signIn({ user: 'ana' });
    const session = await worker.sessions.current();
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    expect(await page.signOut({ unsent: 'upload', data: 'remove' })).toMatchObject({ ok: true });
    expect(await isOnServer(id)).toBe(true);
    expect((await worker.sessions.current()).user).toBe('');
    expect(await databaseNames()).not.toContain(session.database.name);
  });

  it('with upload is refused if that fails, and nothing is lost', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const page = await pageOf(worker, 'page');
    await page.signIn({ user: 'ana' });
    const session = await worker.sessions.current();
    const [id, bad] = [randomUUID(), randomUUID()];
    await write(session, 'visits', id, visit(id));
    device.network = () => Promise.reject(new TypeError('no network'));
    expect(await page.signOut({ unsent: 'upload' })).toMatchObject({ ok: false, error: { code: 'network' } });
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 1 } });
    device.network = (_path, forward) => forward();
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    expect(await page.signOut({ unsent: 'upload' })).toMatchObject({
      ok: false,
      error: { code: 'unsent', details: { changes: 1 } },
    });
    expect(await isOnServer(id)).toBe(true);
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 1 } });
    expect(await see(await worker.sessions.current(), 'visits', bad)).toMatchObject({ detail: 'rejected' });
  });

  it('is refused if its user signed in again while it uploaded (G-3)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const [page, other] = [await pageOf(worker, 'page'), await pageOf(worker, 'other')];
    await page.signIn({ user: 'ana' });
    const id = randomUUID();
    await write(await worker.sessions.current(), 'visits', id, visit(id));
    const [reached, gate] = [signal(), signal()];
    device.network = async (path, forward) => {
      if (path === '/sync/upload') {
        reached.give();
        await gate.given;
      }
      return forward();
    };
    const signingOut = page.signOut({ unsent: 'upload', data: 'remove' });
    await reached.given;
    expect(await other.signIn({ user: 'ana' })).toMatchObject({ ok: true });
    gate.give();
    expect(await signingOut).toMatchObject({ ok: false, error: { code: 'user-changed' } });
    expect(await other.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 0 } });
    expect((await see(await worker.sessions.current(), 'visits', id)).record).toMatchObject({ id });
    expect(await isOnServer(id)).toBe(true);
  });

  it('waits for a sign-in that was asked for before it, and then happens', async () => {
    const worker = new Device(fixture).startWorker();
    const page = await pageOf(worker, 'page');
    await page.signIn({ user: 'ana' });
    const [again, out] = await Promise.all([page.signIn({ user: 'ana' }), page.signOut({})]);
    expect([again, out]).toMatchObject([{ ok: true }, { ok: true, value: true }]);
    expect(await page.state()).toMatchObject({ ok: true, value: { user: '' } });
  });

  it('with keep leaves the work for the next sign-in, and is refused if the data were to be removed', async () => {
    const worker = new Device(fixture).startWorker();
    const page = await pageOf(worker, 'page');
    await page.signIn({ user: 'ana' });
    const id = randomUUID();
    await write(await worker.sessions.current(), 'visits', id, visit(id));
    expect(await page.signOut({ data: 'remove' })).toMatchObject({ ok: false, error: { code: 'unsent' } });
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 1 } });
    expect(await page.signOut({ unsent: 'keep' })).toMatchObject({ ok: true });
    expect((await see(await worker.signIn('ana'), 'visits', id)).detail).toBe('pending');
  });

  it('with discard gives the work up, on its way included, and keeps the downloaded copy', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const page = await pageOf(worker, 'page');
    await page.signIn({ user: 'ana' });
    const session = await worker.sessions.current();
    await session.engine.synchronize('call', {});
    const [id, flying] = [randomUUID(), randomUUID()];
    await write(session, 'visits', flying, visit(flying));
    const late: (() => Promise<Response>)[] = [];
    device.network = (path, forward) => {
      if (path !== '/sync/upload') return forward();
      late.push(forward);
      return Promise.reject(new TypeError('no answer'));
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    await write(session, 'visits', id, visit(id));
    expect(await page.signOut({ unsent: 'discard' })).toMatchObject({ ok: true });
    for (const forward of late) await forward();
    expect(await isOnServer(flying)).toBe(false);
    const again = await worker.signIn('ana');
    expect(await readState(again)).toMatchObject({ pending: 0, failures: 0, ready: true, syncing: false });
    expect((await see(again, 'visits', id)).record).toBeNull();
    expect((await see(again, 'places', 'AD-1')).record).not.toBeNull();
  });

  it('with removal in mid-run wipes the database, and the run never fills it again', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const page = await pageOf(worker, 'page');
    await page.signIn({ user: 'ana' });
    const session = await worker.sessions.current();
    const [reached, gate] = [signal(), signal()];
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path === '/sync/download') {
        reached.give();
        await gate.given;
      }
      return answer;
    };
    const run = session.engine.synchronize('call', {});
    run.catch(() => undefined);
    await reached.given;
    expect(await page.signOut({ unsent: 'discard', data: 'remove' })).toMatchObject({ ok: true });
    gate.give();
    await expect(run).rejects.toMatchObject({ code: 'user-changed' });
    expect(await databaseNames()).not.toContain(session.database.name);
    const again = await worker.signIn('ana');
    expect((await see(again, 'places', 'AD-1')).record).toBeNull();
    expect(await readState(again)).toMatchObject({ ready: false, syncing: false });
  });

  it('refuses a choice that there is not', async () => {
    const page = await pageOf(new Device(fixture).startWorker(), 'page');
    await page.signIn({ user: 'ana' });
    // @ts-expect-error a worker takes what a page sends
    expect(await page.signOut({ unsent: 'burn' })).toMatchObject({ ok: false, error: { code: 'invalid-request' } });
    expect(await page.state()).toMatchObject({ value: { user: 'ana' } });
  });
});
