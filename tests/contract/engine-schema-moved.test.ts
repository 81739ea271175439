import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Migrate } from '../../sw/store/migrate-row.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { Device, see, write, type WorkerOptions } from './engine-fixture.ts';
import { pageOf, valueOf, visit } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

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
