import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandRow } from '../../sw/store/format.ts';
import type { Migrate } from '../../sw/store/migrate-row.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, write, type WorkerOptions } from './engine-fixture.ts';
import { pageOf, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const visits: TableOptions = { path: '/api/visits', key: 'id' };
const trips: TableOptions = { path: '/api/trips', key: 'id' };

function version(number: number, tables: Readonly<Record<string, TableOptions>>, migrate?: Migrate): WorkerOptions {
  return { schema: { version: number, tables }, ...(migrate === undefined ? {} : { migrate }) };
}

/** Moves the changes of a table to another. */
function move(from: string, to: string): Migrate {
  return (change) => (change.table === from ? { ...change, table: to } : change);
}

describe('A new version of the schema that brings two records under one key', () => {
  it('keeps the draft that is there, and the other one as a failure `superseded` (V-4)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { trips, visits }));
    const old = pageOf(before, await before.signIn('ana'));
    const { key: id } = await valueOf(old.draft('trips', { date: '2026-03-01', note: 'of the trip' }));
    await valueOf(old.draft('visits', visit(String(id), { note: 'of the visit' })));
    before.kill();
    const worker = device.startWorker(version(2, { visits }, move('trips', 'visits')));
    const page = pageOf(worker, await worker.signIn('ana'));
    expect(await valueOf(page.drafts('visits'))).toMatchObject([{ record: { note: 'of the visit' } }]);
    expect(await valueOf(page.failures({}))).toMatchObject([
      { code: 'superseded', table: 'trips', key: id, content: { note: 'of the trip' }, retriable: false },
    ]);
  });

  it.each([
    ['trips', 'visits'],
    ['visits', 'trips'],
  ] as const)('keeps the change that is there, and the other one likewise (%s first, V-4)', async (...order) => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { trips, visits }));
    const session = await before.signIn('ana');
    const id = randomUUID();
    for (const table of order) await write(session, table, id, visit(id, { note: `of ${table}` }));
    await valueOf(pageOf(before, session).setStatus('trips', 0, `id = "${id}"`, {}));
    before.kill();
    const worker = device.startWorker(version(2, { visits }, move('trips', 'visits')));
    const next = await worker.signIn('ana');
    const page = pageOf(worker, next);
    expect(await valueOf(page.failures({}))).toMatchObject([{ code: 'superseded', content: { note: 'of trips' } }]);
    expect(await see(next, 'visits', id)).toMatchObject({ record: { note: 'of visits' }, detail: 'pending' });
    await next.engine.synchronize('one', {});
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ note: 'of visits' });
  });
});

describe('What names a record that a new version of the schema moves (N-6a, U-07)', () => {
  /** A held create and a command on it, under the table's old name. */
  async function withHeld(): Promise<{ device: Device; opened: Opened; id: string }> {
    const device = new Device(fixture);
    const worker = device.startWorker(version(1, { trips: { path: '/api/visits', key: 'id' } }));
    const session = await worker.signIn('ana');
    const page = pageOf(worker, session);
    const id = randomUUID();
    await write(session, 'trips', id, visit(id));
    await valueOf(page.setStatus('trips', 0, `id = "${id}"`, {}));
    await ask(session, 'POST', `/api/visits/${id}/close`, {});
    return { device, opened: { device, worker, session, page }, id };
  }
  const moved = version(2, { visits }, move('trips', 'visits'));

  function commandsOf({ database }: OpenSession): Promise<readonly CommandRow[]> {
    return database.read(['commands'], (tx) => tx.objectStore('commands').getAll());
  }

  it('names it where it is now: a command goes on waiting for what was made before it', async () => {
    const { device, opened, id } = await withHeld();
    opened.worker.kill();
    const worker = device.startWorker(moved);
    const session = await worker.signIn('ana');
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(await commandsOf(session)).toMatchObject([{ state: 'blocked', names: [{ table: 'visits', key: id }] }]);
  });

  it('does so where the command waited already, and goes when that was sent', async () => {
    const { device, opened, id } = await withHeld();
    await opened.session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(await commandsOf(opened.session)).toMatchObject([{ state: 'blocked', waitsFor: ['trips', id] }]);
    opened.worker.kill();
    const worker = device.startWorker(moved);
    const session = await worker.signIn('ana');
    const waiting = { waitsFor: ['visits', id], reason: { references: { table: 'visits', key: id } } };
    expect(await commandsOf(session)).toMatchObject([waiting]);
    await valueOf(pageOf(worker, session).setStatus('visits', 1, `id = "${id}"`, {}));
    for (const call of ['two', 'three']) await session.engine.synchronize(call, { mode: 'unsynchronized' });
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ status: 'closed' });
  });

  it('does so in an imported file of an older version', async () => {
    const { opened, id } = await withHeld();
    const worker = new Device(fixture).startWorker(moved);
    const session = await worker.signIn('ana');
    const page = pageOf(worker, session);
    const own = asObject(asJson(await valueOf(opened.page.exportUnsent())));
    const { app = null } = asObject(asJson(await valueOf(page.exportUnsent())));
    await valueOf(page.importUnsent(JSON.stringify({ ...own, app })));
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(await commandsOf(session)).toMatchObject([{ state: 'blocked', names: [{ table: 'visits', key: id }] }]);
  });

  it('is free where it waited for a record that does not fit', async () => {
    const { device, opened } = await withHeld();
    await opened.session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    opened.worker.kill();
    const session = await device.startWorker(version(2, { visits })).signIn('ana');
    expect(await commandsOf(session)).toMatchObject([{ state: 'pending' }]);
  });
});
