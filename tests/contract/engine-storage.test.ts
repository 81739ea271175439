import { randomUUID } from 'node:crypto';
import { forceCloseDatabase } from 'fake-indexeddb';
import { deleteDB, openDB } from 'idb';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SyncState } from '../../sw/protocol/run.ts';
import { createControl } from '../../sw/store/control.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { readState } from '../../sw/sync/state.ts';
import { see, write, type Device } from './engine-fixture.ts';
import { noNetwork, openDevice, pageOf, valueOf, visit, type Opened } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());
afterEach(() => {
  vi.unstubAllGlobals();
});

/** Waits for the note of what was written last. */
async function noted(device: Device, session: OpenSession, unsent: number): Promise<void> {
  session.noteStorage();
  const isNoted = (): void => expect(device.witness.notes.get(session.database.name)).toMatchObject({ unsent });
  // It is made a second after the one before.
  await vi.waitFor(isNoted, { timeout: 10_000 });
}

function resets(device: Device): readonly unknown[] {
  return device.events.flatMap((event) => (event.type === 'storage-reset' ? [event.error.details] : []));
}

/** Writes on a device that is offline, and the note of them. */
async function unsentOn(opened: Opened, count: number): Promise<readonly string[]> {
  const { device, session } = opened;
  await session.engine.synchronize('first', { mode: 'all' });
  device.network = noNetwork;
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) await write(session, 'visits', id, visit(id));
  await noted(device, session, count);
  return ids;
}

async function stateOn({ device }: Opened): Promise<{ readonly session: OpenSession; readonly state: SyncState }> {
  const worker = device.startWorker();
  const session = await worker.sessions.current();
  return { session, state: await valueOf(pageOf(worker, session).state()) };
}

/** Goes on where the connections are known, so that they can be cut as a browser does. */
function catchConnections(): Map<string, IDBDatabase[]> {
  const connections = new Map<string, IDBDatabase[]>();
  const real = globalThis.indexedDB;
  const open = (name: string, version?: number): IDBOpenDBRequest => {
    const request = real.open(name, version);
    request.addEventListener('success', () => {
      connections.set(name, [...(connections.get(name) ?? []), request.result]);
    });
    return request;
  };
  vi.stubGlobal('indexedDB', {
    open,
    deleteDatabase: (name: string) => real.deleteDatabase(name),
    cmp: (a: unknown, b: unknown) => real.cmp(a, b),
  });
  return connections;
}

describe('a database that is gone (SPEC Z)', () => {
  it('and never was is a first start', async () => {
    const { device, session } = await openDevice(fixture);
    expect(resets(device)).toEqual([]);
    expect(await readState(session)).toMatchObject({ storageReset: null });
  });

  it('is told with the number of changes that were unsent, by the same words until all is downloaded again', async () => {
    const opened = await openDevice(fixture);
    const { device, worker, session } = opened;
    await unsentOn(opened, 3);
    worker.kill();
    session.end();
    await deleteDB(session.database.name);
    const second = await stateOn(opened);
    expect(resets(device)).toMatchObject([{ atLeast: 3 }]);
    expect(second.state).toMatchObject({ user: 'ana', ready: false, pending: 0, storageReset: { code: 'storage' } });
    second.session.end();
    const third = await stateOn(opened);
    const [first, ...again] = resets(device);
    expect(again).toEqual([first]);
    expect(third.state.storageReset?.details).toMatchObject({ atLeast: 3 });
    device.network = (_path, forward) => forward();
    await third.session.engine.synchronize('again', { mode: 'all', onBusy: 'queue' });
    expect((await see(third.session, 'places', 'AD-1')).record).not.toBeNull();
    expect(await readState(third.session)).toMatchObject({ ready: true, storageReset: null });
  });

  it('while its worker lives ends what is under way with an error, and the next request has the new one', async () => {
    const connections = catchConnections();
    const opened = await openDevice(fixture);
    const { device, worker, session } = opened;
    const [id = ''] = await unsentOn(opened, 2);
    const own = connections.get(session.database.name) ?? [];
    for (const connection of own) connection.close();
    await deleteDB(session.database.name);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the stand-in's own class
    for (const connection of own) forceCloseDatabase(connection as never);
    await vi.waitFor(
      () => {
        expect(resets(device)).toMatchObject([{ atLeast: 2 }]);
      },
      { timeout: 30_000 },
    );
    await expect(write(session, 'visits', id, visit(id))).rejects.toMatchObject({ code: 'storage' });
    const next = await worker.sessions.current();
    expect(next.database).not.toBe(session.database);
    await write(next, 'visits', id, visit(id));
    expect((await see(next, 'visits', id)).detail).toBe('pending');
  });

  it('is told though it cannot be opened at once, as while Chromium still clears it (Z-4)', async () => {
    const connections = catchConnections();
    const opened = await openDevice(fixture);
    const { device, session } = opened;
    await unsentOn(opened, 1);
    const own = connections.get(session.database.name) ?? [];
    for (const connection of own) connection.close();
    await deleteDB(session.database.name);
    let refused = 0;
    const real = globalThis.indexedDB;
    const open = (name: string, version?: number): IDBOpenDBRequest => {
      const request = real.open(name, version);
      if (refused === 2) return request;
      refused += 1;
      request.addEventListener('upgradeneeded', () => {
        queueMicrotask(() => request.transaction?.abort());
      });
      return request;
    };
    vi.stubGlobal('indexedDB', { open, deleteDatabase: (name: string) => real.deleteDatabase(name) });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the stand-in's own class
    for (const connection of own) forceCloseDatabase(connection as never);
    await vi.waitFor(() => expect(resets(device)).toMatchObject([{ atLeast: 1 }]), { timeout: 10_000 });
    expect(refused).toBe(2);
  });

  it('with the other storage too is told by the browser’s word alone (dataLoss)', async () => {
    const opened = await openDevice(fixture);
    const { device, worker, session } = opened;
    await unsentOn(opened, 1);
    worker.kill();
    session.end();
    device.witness.notes.clear();
    const control = `holdfast:${device.name}`;
    await Promise.all([deleteDB(session.database.name), deleteDB(control)]);
    const real = globalThis.indexedDB;
    const open = (name: string, version?: number): IDBOpenDBRequest => {
      const request = real.open(name, version);
      // The first database that is opened is told, and no other.
      if (name === control)
        request.addEventListener('upgradeneeded', (event) => Object.assign(event, { dataLoss: 'total' }));
      return request;
    };
    vi.stubGlobal('indexedDB', { open, deleteDatabase: (name: string) => real.deleteDatabase(name) });
    const next = await device.startWorker().signIn('ana');
    expect(resets(device)).toMatchObject([{ atLeast: 0 }]);
    next.end();
    await device.startWorker().signIn('ben');
    expect(resets(device)).toHaveLength(1);
  });

  it('because its user signed out with all data is no loss', async () => {
    const opened = await openDevice(fixture);
    const { device, worker, page } = opened;
    await unsentOn(opened, 1);
    expect(await valueOf(page.signOut({ unsent: 'discard', data: 'remove' }))).toBe(true);
    await worker.signIn('ana');
    expect(resets(device)).toEqual([]);
    expect(device.witness.notes.get('user')).toMatchObject({ user: 'ana' });
  });

  it('with the one that knew who was signed in leaves them signed in, and nobody who signed out', async () => {
    const opened = await openDevice(fixture);
    const { device, worker, session, page } = opened;
    session.end();
    await deleteDB(`holdfast:${device.name}`);
    // A worker that was stopped when it had made it again.
    await createControl(device.name, () => Promise.resolve([]), Date.now).read();
    expect((await device.startWorker().sessions.current()).user).toBe('ana');
    worker.kill();
    const other = device.startWorker();
    const own = pageOf(other, await other.sessions.current());
    expect(page).not.toBe(own);
    await valueOf(own.signOut({ unsent: 'keep' }));
    await deleteDB(`holdfast:${device.name}`);
    expect((await device.startWorker().sessions.current()).user).toBe('');
  });
});

describe('the note of a database', () => {
  it('spares the next worker counting what is pending, unless something else has changed since', async () => {
    const opened = await openDevice(fixture);
    const [id = ''] = await unsentOn(opened, 3);
    opened.worker.kill();
    opened.session.end();
    const count = vi.spyOn(IDBObjectStore.prototype, 'count');
    const { session, state } = await stateOn(opened);
    expect(state.pending).toBe(3);
    const other = randomUUID();
    await write(session, 'visits', other, visit(other));
    const counted = count.mock.contexts.flatMap((store) => (store instanceof IDBObjectStore ? store.name : []));
    expect(counted).not.toContain('changes');
    count.mockRestore();
    expect((await readState(session)).pending).toBe(4);
    // After the note.
    await noted(opened.device, session, 4);
    await session.database.write(['changes'], async (tx) => {
      const [key] = await tx.objectStore('changes').getAllKeys(IDBKeyRange.bound(['visits', id], ['visits', id, []]));
      if (key !== undefined) await tx.objectStore('changes').delete(key);
    });
    session.end();
    expect((await stateOn(opened)).state.pending).toBe(3);
  });
});

describe('a database that lost its end (SPEC Z)', () => {
  it('is none where the last that was noted is there', async () => {
    const opened = await openDevice(fixture);
    await unsentOn(opened, 3);
    opened.worker.kill();
    opened.session.end();
    const { state } = await stateOn(opened);
    expect(resets(opened.device)).toEqual([]);
    expect(state).toMatchObject({ pending: 3, storageReset: null });
  });

  it('is told with the number of changes that are missing, and downloaded again; what is there stays', async () => {
    const opened = await openDevice(fixture);
    const { device, worker, session } = opened;
    const [kept = '', ...lost] = await unsentOn(opened, 3);
    worker.kill();
    session.end();
    const raw = await openDB(session.database.name);
    const tx = raw.transaction(['changes', 'meta'], 'readwrite');
    const note = device.witness.notes.get(session.database.name) ?? {};
    const last = Number(note['seq']);
    for (const [index, id] of lost.entries())
      await tx.objectStore('changes').delete(['visits', id, last - lost.length + 1 + index]);
    await tx.objectStore('meta').delete('seqWrites');
    await tx.objectStore('meta').put({ name: 'seq', value: last - lost.length });
    await tx.done;
    raw.close();
    let next = await stateOn(opened);
    expect(resets(device)).toMatchObject([{ atLeast: 2 }]);
    expect(next.state).toMatchObject({ pending: 1, storageReset: { details: { atLeast: 2 } } });
    // A worker that is stopped before it has noted anything: the note that is left counts what was lost.
    device.witness.notes.set(session.database.name, note);
    next.session.end();
    next = await stateOn(opened);
    expect(next.state).toMatchObject({ pending: 1 });
    device.network = (_path, forward) => forward();
    const result = await next.session.engine.synchronize('again', { mode: 'all', onBusy: 'queue' });
    expect(result.uploaded).toBe(1);
    expect(result.tables['places']?.downloaded).toBe(50);
    expect((await see(next.session, 'visits', kept)).detail).toBe('clean');
    expect(await readState(next.session)).toMatchObject({ storageReset: null });
  });
});
