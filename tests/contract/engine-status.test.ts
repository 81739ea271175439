import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toFilterTree } from '../../sw/filter/index.ts';
import type { SyncStatus } from '../../sw/protocol/status.ts';
import { readFailures } from '../../sw/store/failures.ts';
import { setStatus } from '../../sw/store/set-status.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { readState } from '../../sw/sync/state.ts';
import { Device, see, signal, write } from './engine-fixture.ts';
import { create, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(async () => {
  await fixture.start();
  const { database } = fixture.server;
  await database.query('delete from lines', []);
  await database.query('delete from products where "Code" > 3', []);
});
afterAll(() => fixture.stop());

const catalog = [
  { Code: 1, Name: 'Coca Cola', Stock: 100 },
  { Code: 2, Name: 'Pepsi Cola', Stock: 200 },
  { Code: 3, Name: 'Pork Chops', Stock: 300 },
] as const;
const [coke, pepsi, chops] = catalog;

async function start(): Promise<{ readonly device: Device; readonly session: OpenSession }> {
  const device = new Device(fixture);
  const session = await device.startWorker().signIn('ana');
  await session.engine.synchronize('first', {});
  return { device, session };
}

async function set(session: OpenSession, table: string, status: SyncStatus, filter: string): Promise<number> {
  const declared = session.schema.tables.get(table);
  if (declared === undefined) throw new Error(`no table ${table}`);
  const tree = toFilterTree(filter, { types: declared.columnTypes, table });
  const query = { filter: tree, params: {} };
  const { count } = await setStatus(session.database, session.base, declared, { status, query });
  return count;
}

async function details(session: OpenSession, table: string, keys: readonly (string | number)[]): Promise<string[]> {
  return Promise.all(keys.map(async (key) => (await see(session, table, key)).detail));
}

/** Products 2 and 3 are changed here, 1 is not. */
async function startOfTheExample(): Promise<OpenSession> {
  const { session } = await start();
  await write(session, 'products', 2, { ...pepsi, Name: 'Pepsi Cola' });
  await write(session, 'products', 3, { ...chops });
  expect(await details(session, 'products', [1, 2, 3])).toEqual(['clean', 'pending', 'pending']);
  return session;
}

async function uploadedProducts(session: OpenSession): Promise<readonly (string | number)[]> {
  const result = await session.engine.synchronize('call', { mode: 'unsynchronized' });
  return [...(result.tables['products']?.uploadedKeys ?? [])].sort();
}

describe('a status set by hand and the run that follows', () => {
  it('makes the Colas travel with what was changed (K-05)', async () => {
    const session = await startOfTheExample();
    expect(await set(session, 'products', 'not-synchronized', 'FIELD(Products,Name) LIKE "%Cola"')).toBe(2);
    expect(await details(session, 'products', [1, 2, 3])).toEqual(['pending', 'pending', 'pending']);
    expect(await readState(session)).toMatchObject({ pending: 3 });
    expect(await uploadedProducts(session)).toEqual([1, 2, 3]);
    expect(await details(session, 'products', [1, 2, 3])).toEqual(['clean', 'clean', 'clean']);
  });

  it('lets nothing travel of what was set synchronized (K-05)', async () => {
    const session = await startOfTheExample();
    expect(await set(session, 'products', 'synchronized', 'FIELD(Products,Code) <> 0')).toBe(3);
    expect(await details(session, 'products', [1, 2, 3])).toEqual(['clean', 'held', 'held']);
    expect(await readState(session)).toMatchObject({ pending: 0 });
    expect(await uploadedProducts(session)).toEqual([]);
    expect(await details(session, 'products', [1, 2, 3])).toEqual(['clean', 'held', 'held']);
  });

  it('sends a clean record whole, over what another user wrote meanwhile (K-03)', async () => {
    const { session } = await start();
    await fixture.request('PATCH', '/api/products/1', { user: 'ben', body: { Stock: 7 } });
    await set(session, 'products', 'not-synchronized', 'Code = 1');
    expect(await uploadedProducts(session)).toEqual([1]);
    expect((await fixture.request('GET', '/api/products/1')).body).toMatchObject(coke);
  });

  it('keeps a held change over runs that bring nothing of its record, full ones too (K-04)', async () => {
    const { session } = await start();
    await write(session, 'products', 3, { ...chops, Stock: 42 });
    await set(session, 'products', 'synchronized', 'Code = 3');
    await session.engine.synchronize('delta', {});
    await session.engine.synchronize('full', { full: true });
    expect(await see(session, 'products', 3)).toMatchObject({ detail: 'held', record: { Stock: 42 } });
    await set(session, 'products', 'not-synchronized', 'Code = 3');
    expect(await uploadedProducts(session)).toEqual([3]);
    await write(session, 'products', 3, { ...chops });
    await session.engine.synchronize('restore', {});
  });

  it.each([{ full: false }, { full: true }])(
    'ends the hold when a download brings the record, and keeps the value as a failure (K-04, full: $full)',
    async ({ full }) => {
      const { device, session } = await start();
      const id = randomUUID();
      await fixture.upload([create('visits', { id, date: '2026-01-01', note: 'first' })]);
      await session.engine.synchronize('bring', {});
      await write(session, 'visits', id, { id, date: '2026-01-01', note: 'held here' });
      await set(session, 'visits', 'synchronized', `id = '${id}'`);
      await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'newer there' } });
      device.events.length = 0;
      expect(await session.engine.synchronize('call', { full })).toMatchObject({ outcome: 'finished', uploaded: 0 });
      expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'newer there' } });
      const [failure] = await readFailures(session.database, { limit: 1, offset: 0 });
      expect(failure).toMatchObject({ code: 'superseded', key: id, content: { note: 'held here' }, retriable: false });
      expect(device.events).toContainEqual(expect.objectContaining({ type: 'failure', code: 'superseded', key: id }));
      expect(await readState(session)).toMatchObject({ pending: 0 });
    },
  );

  it.each([{ full: false }, { full: true }])(
    'ends the hold when the record is gone on the server (K-04, full: $full)',
    async ({ full }) => {
      const { session } = await start();
      const id = randomUUID();
      await fixture.upload([create('visits', { id, date: '2026-01-01', note: 'first' })]);
      await session.engine.synchronize('bring', {});
      await write(session, 'visits', id, { id, date: '2026-01-01', note: 'held here' });
      await set(session, 'visits', 'synchronized', `id = '${id}'`);
      expect((await fixture.request('DELETE', `/api/visits/${id}`)).status).toBe(204);
      await session.engine.synchronize('call', { full });
      expect((await see(session, 'visits', id)).record).toBeNull();
      const [failure] = await readFailures(session.database, { limit: 1, offset: 0 });
      expect(failure).toMatchObject({ code: 'superseded', key: id, content: { note: 'held here' } });
    },
  );

  it('keeps a held create until it is discarded, edited or set again (K-04)', async () => {
    const { session } = await start();
    const id = randomUUID();
    await write(session, 'visits', id, { id, date: '2026-01-01', note: 'new' });
    await set(session, 'visits', 'synchronized', `id = '${id}'`);
    await session.engine.synchronize('call', { full: true });
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'held', record: { note: 'new' } });
    await write(session, 'visits', id, { id, date: '2026-01-01', note: 'edited' });
    expect(await session.engine.synchronize('again', { mode: 'unsynchronized' })).toMatchObject({ uploaded: 1 });
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ note: 'edited' });
  });

  it('may be set while the record is in flight, which is settled as ever (K-12, U-04)', async () => {
    const { device, session } = await start();
    const id = randomUUID();
    await write(session, 'visits', id, { id, date: '2026-01-01', note: 'sent' });
    const [sent, held] = [signal(), signal()];
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/sync/upload') return answer;
      sent.give();
      await held.given;
      return answer;
    };
    const run = session.engine.synchronize('call', { mode: 'unsynchronized' });
    await sent.given;
    expect(await set(session, 'visits', 'synchronized', `id = '${id}'`)).toBe(1);
    expect((await see(session, 'visits', id)).detail).toBe('held');
    expect(await readState(session)).toMatchObject({ pending: 0 });
    held.give();
    expect(await run).toMatchObject({ outcome: 'finished', uploaded: 1 });
    expect((await see(session, 'visits', id)).detail).toBe('clean');
    expect(await readState(session)).toMatchObject({ pending: 0 });
    await write(session, 'visits', id, { id, date: '2026-01-01', note: 'later' });
    expect((await see(session, 'visits', id)).detail).toBe('pending');
  });
});
