import { randomUUID } from 'node:crypto';
import { openDB } from 'idb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onSync } from '../../sw/events/on-sync.ts';
import type { Database } from '../../sw/store/database.ts';
import type { Encryption } from '../../sw/store/encryption.ts';
import type { Schema } from '../../sw/store/schema.ts';
import { encryptRecords } from '../../sw/store/encrypt-records.ts';
import { syncTag } from '../../sw/sync/after-write.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { createWorkerMethods, type SessionMethods } from '../../sw/sync/worker-methods.ts';
import { Device, see, write, type Worker, type WorkerOptions } from './engine-fixture.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const encryption = encryptRecords({ iterations: 1000 });
const key = 'a long passphrase';
const word = 'Zimtstern';

/** All rows of a database as they are on the disk: bytes as the text that they would be. */
async function onDisk(name: string): Promise<string> {
  const connection = await openDB(name);
  const texts: string[] = [];
  for (const store of connection.objectStoreNames) {
    const rows: unknown[] = [await connection.getAll(store), await connection.getAllKeys(store)];
    for (const row of rows) {
      texts.push(
        JSON.stringify(row, (_name, value: unknown) =>
          value instanceof Uint8Array || value instanceof ArrayBuffer
            ? Buffer.from(new Uint8Array(value)).toString('latin1')
            : value,
        ),
      );
    }
  }
  connection.close();
  return texts.join('\n');
}

let schema: Schema;

function pageOf(worker: Worker, page: string): SessionMethods {
  return createWorkerMethods(worker.sessions.boundTo(page), schema, () => randomUUID());
}

async function start(
  device: Device,
  options: WorkerOptions = {},
): Promise<{ readonly worker: Worker; readonly session: OpenSession }> {
  const worker = device.startWorker({ encryption, ...options });
  const session = await worker.sessions.signIn('ana', null, { key, previousKey: null });
  ({ schema } = session);
  return { worker, session };
}

function visit(id: string): Record<string, string> {
  return { id, date: '2026-03-01', note: `${word} for the doctor` };
}

const locked = { ok: false, error: { code: 'encryption-key' } };

describe('an encrypted database', () => {
  it('has nothing of a record on the disk, from the download to the answers of an upload', async () => {
    const device = new Device(fixture);
    const { worker, session } = await start(device);
    await session.engine.synchronize('first', {});
    const [sent, unsent, refused] = [randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', sent, visit(sent));
    await session.engine.synchronize('second', {});
    await write(session, 'visits', sent, { ...visit(sent), note: `${word} again` });
    await write(session, 'visits', refused, { ...visit(refused), rating: 99 });
    await session.engine.synchronize('third', { onPartial: 'return' });
    expect((await ask(session, 'POST', '/api/visits', visit(unsent))).status).toBe(201);
    const page = pageOf(worker, 'page');
    expect(await page.draft('visits', { ...visit(randomUUID()) })).toMatchObject({ ok: true });
    const disk = await onDisk(session.database.name);
    for (const secret of [word, 'Coca Cola', 'Andorra', key]) expect(disk).not.toContain(secret);
    // What the database is searched by is in clear, as SECURITY.md says.
    for (const clear of [unsent, 'visits', 'rejected']) expect(disk).toContain(clear);
    expect((await see(session, 'visits', sent)).record).toMatchObject({ note: `${word} again` });
    expect((await see(session, 'products', 1)).record).toMatchObject({ Name: 'Coca Cola' });
    const found = await ask(session, 'GET', `/api/visits?${new URLSearchParams({ filter: `note LIKE '${word}%'` })}`);
    expect(found.headers.get('X-Total-Count')).toBe('3');
  });

  it('has nothing on the disk of the answers that it keeps for requests that may come again', async () => {
    const device = new Device(fixture);
    const { worker, session } = await start(device);
    await session.engine.synchronize('first', {});
    const ids = Array.from({ length: 4 }, () => randomUUID());
    // From the second on a write is guessed, and leaves its answer elsewhere than the first.
    for (const id of ids) expect((await ask(session, 'POST', '/api/visits', visit(id))).status).toBe(201);
    expect(await onDisk(session.database.name)).not.toContain(word);
    worker.kill();
    const next = await start(device);
    for (const id of ids) expect((await see(next.session, 'visits', id)).record).toMatchObject(visit(id));
    expect((await ask(next.session, 'POST', '/api/visits', visit(randomUUID()))).status).toBe(201);
    expect(await onDisk(next.session.database.name)).not.toContain(word);
  });

  it('encrypts what was stored before it was switched on, and keeps it', async () => {
    const device = new Device(fixture);
    const before = device.startWorker();
    const plain = await before.signIn('ana');
    const id = randomUUID();
    await plain.engine.synchronize('first', {});
    await write(plain, 'visits', id, visit(id));
    expect(await onDisk(plain.database.name)).toContain(word);
    plain.end();
    before.kill();
    const { session } = await start(device);
    const disk = await onDisk(session.database.name);
    expect(disk).not.toContain(word);
    expect(disk).not.toContain('Coca Cola');
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'pending', record: visit(id) });
    expect(await session.engine.synchronize('call', {})).toMatchObject({ uploaded: 1 });
  });

  it('goes on with that where a worker that died over it left it', async () => {
    const device = new Device(fixture);
    const before = device.startWorker();
    const plain = await before.signIn('ana');
    const id = randomUUID();
    await write(plain, 'visits', id, visit(id));
    plain.end();
    before.kill();
    const dying: Encryption = {
      unlock: (request) => {
        const failing: Database['write'] = (stores, work, how) =>
          stores.includes('changes')
            ? Promise.reject(new Error('The worker died.'))
            : request.database.write(stores, work, how);
        return encryption.unlock({ ...request, database: { ...request.database, write: failing } });
      },
    };
    await expect(start(device, { encryption: dying })).rejects.toThrow('died');
    const { session } = await start(device);
    expect(await onDisk(session.database.name)).not.toContain(word);
    expect((await see(session, 'visits', id)).record).toEqual(visit(id));
  });

  it('is not opened by another key, which signs nobody in and changes nothing', async () => {
    const device = new Device(fixture);
    const { worker, session } = await start(device);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    const page = pageOf(worker, 'page');
    const disk = await onDisk(session.database.name);
    expect(await page.signIn({ user: 'ana', encryptionKey: 'a guess' })).toMatchObject(locked);
    expect(await page.signIn({ user: 'ben' })).toMatchObject(locked);
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 1 } });
    session.end();
    worker.kill();
    const next = pageOf(device.startWorker({ encryption }), 'page');
    expect(await next.signIn({ user: 'ana', encryptionKey: 'a guess' })).toMatchObject(locked);
    expect(await onDisk(session.database.name)).toBe(disk);
    expect(await next.signIn({ user: 'ana', encryptionKey: key })).toMatchObject({ ok: true });
    expect(await next.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 1 } });
  });

  it('is opened by the new key after it was changed, also where the answer to the change was lost', async () => {
    const device = new Device(fixture);
    const { worker, session } = await start(device);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    const page = pageOf(worker, 'page');
    const change = { user: 'ana', encryptionKey: 'new', previousEncryptionKey: key };
    expect(await page.signIn({ ...change, previousEncryptionKey: 'a guess' })).toMatchObject(locked);
    expect(await page.signIn(change)).toMatchObject({ ok: true });
    expect((await see(session, 'visits', id)).detail).toBe('pending');
    session.end();
    worker.kill();
    const next = pageOf(device.startWorker({ encryption }), 'page');
    expect(await next.signIn({ user: 'ana', encryptionKey: key })).toMatchObject(locked);
    expect(await next.signIn(change)).toMatchObject({ ok: true });
    expect(await next.state()).toMatchObject({ ok: true, value: { pending: 1 } });
  });

  it('is not read as if it were not encrypted by an app that does without, which takes no key either', async () => {
    const device = new Device(fixture);
    const { worker, session } = await start(device);
    session.end();
    worker.kill();
    const without = device.startWorker();
    await expect(without.sessions.current()).rejects.toMatchObject({ code: 'encryption-key' });
    const page = pageOf(without, 'page');
    const refused = { ok: false, error: { code: 'invalid-request' } };
    expect(await page.signIn({ user: 'ben', encryptionKey: key })).toMatchObject(refused);
    expect(await page.signIn({ user: 'ben', encryptionKey: '' })).toMatchObject(refused);
    expect(await page.signIn({ user: 'ben', previousEncryptionKey: key })).toMatchObject(refused);
  });

  it('stores nothing of nobody’s, who has no key (G-9)', async () => {
    const worker = new Device(fixture).startWorker({ encryption });
    const session = await worker.sessions.current();
    expect((await ask(session, 'POST', '/api/visits', visit(randomUUID()))).status).toBe(401);
    expect(session.backend.needsUser).toBe(true);
  });
});

/** A visit that was not sent when its worker was stopped. */
async function leaveChange(): Promise<{ readonly device: Device; readonly id: string; readonly database: string }> {
  const device = new Device(fixture);
  const { worker, session } = await start(device);
  const id = randomUUID();
  await write(session, 'visits', id, visit(id));
  session.end();
  worker.kill();
  return { device, id, database: session.database.name };
}

describe('a worker that was started since the sign-in', () => {
  it('is locked until a tab gives the key: it says so at once, and deletes nothing', async () => {
    const { device, id } = await leaveChange();
    const next = device.startWorker({ encryption });
    const page = pageOf(next, 'page');
    const connecting = page.state();
    await next.sessions.locked();
    expect(await connecting).toMatchObject({ ok: true, value: { locked: true, user: null, pending: 0 } });
    expect(await page.whyNotSyncing()).toMatchObject({ ok: true, value: { type: 'no-credentials' } });
    expect(await page.statusOf('visits', id)).toMatchObject(locked);
    expect(await page.provideHeaders(null, key)).toMatchObject({ ok: true });
    expect(device.events.at(-1)).toMatchObject({ type: 'state', state: { user: 'ana', pending: 1 } });
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana', pending: 1 } });
  });

  it('asks the tabs, and takes the key that fits though another tab has an older one', async () => {
    const { device, id } = await leaveChange();
    const answers = [key, 'an older one'];
    const next: Worker = device.startWorker({
      encryption,
      onEvent: (user, event) => {
        if (event.type === 'credentials-wanted') for (const each of answers) next.sessions.provideKey(user, each);
      },
    });
    expect(await see(await next.sessions.current(), 'visits', id)).toMatchObject({ detail: 'pending' });
  });

  it('keeps the key that opened the database though another tab gives an older one (H-4)', async () => {
    const { device, id } = await leaveChange();
    const { worker, session } = await start(device);
    const page = pageOf(worker, 'tab');
    const headers = { Authorization: 'Bearer ana-demo' };
    expect(await page.provideHeaders(headers, 'an older one')).toMatchObject({ ok: true });
    expect(await page.signOut({ unsent: 'upload' })).toMatchObject({ ok: true });
    expect(session.signal.aborted).toBe(true);
    expect((await fixture.request('GET', `/api/visits/${id}`)).status).toBe(200);
  });

  it('has nothing to do in a Background Sync without a key, and sends with one', async () => {
    const { device, id, database } = await leaveChange();
    const sync = async (options: WorkerOptions): Promise<void> => {
      const target = new EventTarget();
      const next = device.startWorker({ encryption, ...options });
      onSync(target, next.sessions);
      const works: Promise<unknown>[] = [];
      const event = Object.assign(new Event('sync'), {
        tag: syncTag(database),
        waitUntil: (work: Promise<unknown>) => works.push(work),
      });
      target.dispatchEvent(event);
      await Promise.all(works);
      (await next.sessions.current().catch(() => null))?.end();
      next.kill();
    };
    await sync({});
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(404);
    const asked: Worker[] = [];
    const withKey = device.startWorker({
      encryption,
      onEvent: (user, event) => {
        if (event.type === 'credentials-wanted') for (const each of asked) each.sessions.provideKey(user, key);
      },
    });
    asked.push(withKey);
    const again = await withKey.sessions.current();
    expect(await again.engine.requestRun('background-sync')).toBe(true);
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(200);
  });

  it('lets its user sign out without the key: what is kept is kept, and only what is given up goes', async () => {
    const { device, id, database } = await leaveChange();
    const next = device.startWorker({ encryption });
    const page = pageOf(next, 'page');
    expect(await page.signOut({ unsent: 'upload' })).toMatchObject(locked);
    expect(await page.signOut({ data: 'remove' })).toMatchObject(locked);
    expect(await page.signOut({})).toMatchObject({ ok: true, value: true });
    expect((await next.sessions.current()).user).toBe('');
    expect(await page.signIn({ user: 'ana', encryptionKey: key })).toMatchObject({ ok: true });
    expect((await see(await next.sessions.current(), 'visits', id)).detail).toBe('pending');
    (await next.sessions.current()).end();
    next.kill();
    const last = device.startWorker({ encryption });
    const lastPage = pageOf(last, 'page');
    expect(await lastPage.signOut({ unsent: 'discard', data: 'remove' })).toMatchObject({ ok: true });
    const names = (await indexedDB.databases()).map((info) => info.name);
    expect(names).not.toContain(database);
  });

  it('gives a page of another user nothing, and takes no key from it (invariant 12)', async () => {
    const device = new Device(fixture);
    const { worker } = await start(device);
    const page = pageOf(worker, 'page-of-ana');
    expect(await page.state()).toMatchObject({ ok: true, value: { user: 'ana' } });
    await worker.sessions.signIn('ben', null, { key: 'of ben', previousKey: null });
    const refused = { ok: false, error: { code: 'user-changed' } };
    expect(await page.provideHeaders(null, key)).toMatchObject(refused);
    expect(await page.signOut({ unsent: 'discard', data: 'remove' })).toMatchObject(refused);
    expect((await worker.sessions.current()).user).toBe('ben');
  });
});
