import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../sw/store/schema.ts';
import { Device, see, write, type WorkerOptions } from './engine-fixture.ts';
import { noNetwork, pageOf, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const visits: TableOptions = { path: '/api/visits', key: 'id' };
const trips: TableOptions = { path: '/api/trips', key: 'id' };
const places: TableOptions = { path: '/api/places', key: 'id', columns: { name: { type: 'string', index: true } } };

function version(number: number, tables: Readonly<Record<string, TableOptions>>): WorkerOptions {
  return { schema: { version: number, tables } };
}

describe('A table that a new version leaves out', () => {
  it('has no holds that are counted for others: the changes that they kept back are failures (K-04)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { trips, visits }));
    const session = await before.signIn('ana');
    const [held, refused] = [randomUUID(), randomUUID()];
    await write(session, 'trips', held, visit(held));
    await valueOf(pageOf(before, session).setStatus('trips', 0, `id = "${held}"`, {}));
    before.kill();
    const worker = device.startWorker(version(2, { visits }));
    const next = await worker.signIn('ana');
    const page = pageOf(worker, next);
    await write(next, 'visits', refused, visit(refused, { rating: 9 }));
    expect(await valueOf(page.state())).toMatchObject({ pending: 1 });
    await next.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect((await see(next, 'visits', refused)).detail).toBe('rejected');
    expect(await page.signOut({ unsent: 'upload' })).toMatchObject({ ok: false, error: { code: 'unsent' } });
    for (const failure of await valueOf(page.failures({}))) await valueOf(page.discard(failure.id));
    expect(await valueOf(page.state())).toMatchObject({ pending: 0 });
    expect(await page.signOut({ data: 'remove' })).toMatchObject({ ok: true });
  });

  it('has no marks that count as pending for good (K-03)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { places, visits }));
    const session = await before.signIn('ana');
    await session.engine.synchronize('one', {});
    await valueOf(pageOf(before, session).setStatus('places', 1, 'id = "AD-1"', {}));
    before.kill();
    const worker = device.startWorker(version(2, { visits }));
    const page = pageOf(worker, await worker.signIn('ana'));
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
    expect(await valueOf(page.state())).toMatchObject({ pending: 0 });
  });

  it('is downloaded anew where it comes back: until then nothing of it is said to be absent (V-6, invariant 13)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { places, visits }));
    const session = await before.signIn('ana');
    await session.engine.synchronize('one', {});
    const name = (await see(session, 'places', 'AD-1')).record?.['name'];
    if (typeof name !== 'string') throw new Error('no place');
    before.kill();
    const between = device.startWorker(version(2, { visits }));
    await between.signIn('ana');
    between.kill();
    const worker = device.startWorker(version(3, { places: { path: '/api/places', key: 'name' }, visits }));
    const next = await worker.signIn('ana');
    device.network = noNetwork;
    const answer = await ask(next, 'GET', `/api/places/${encodeURIComponent(name)}`);
    expect(answer.record).toMatchObject({ status: 503, code: 'not-downloaded' });
  });
});

describe('A table that is only downloaded from a new version on', () => {
  it('has what waited to be sent, and drafts, among the failures (V-4)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits }));
    const session = await before.signIn('ana');
    const [changed, drafted] = [randomUUID(), randomUUID()];
    await write(session, 'visits', changed, visit(changed));
    await valueOf(pageOf(before, session).draft('visits', visit(drafted)));
    before.kill();
    const worker = device.startWorker(version(2, { visits: { ...visits, direction: 'down' } }));
    const page = pageOf(worker, await worker.signIn('ana'));
    const failures = await valueOf(page.failures({}));
    expect(failures.map(({ code, key }) => [code, key]).sort()).toEqual(
      [
        ['schema', changed],
        ['schema', drafted],
      ].sort(),
    );
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });

  it('makes no change of a draft, though the version is the same', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1, { visits }));
    const id = randomUUID();
    await valueOf(pageOf(before, await before.signIn('ana')).draft('visits', visit(id)));
    before.kill();
    const worker = device.startWorker(version(1, { visits: { ...visits, direction: 'down' } }));
    const next = await worker.signIn('ana');
    const page = pageOf(worker, next);
    expect(await page.commit('visits', id)).toMatchObject({ ok: false, error: { code: 'unsupported' } });
    expect((await see(next, 'visits', id)).detail).toBe('clean');
    expect(await valueOf(page.discardDraft('visits', id))).toBe(true);
  });
});
