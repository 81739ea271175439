import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../sw/store/schema.ts';
import { Device } from './engine-fixture.ts';
import { openDevice, pageOf, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const tables: Readonly<Record<string, TableOptions>> = { visits: { path: '/api/visits', key: 'id' } };

describe('What became of a change that left its place otherwise than by an answer (Q-2a)', () => {
  it('is `refused` where it does not fit a new version of the schema', async () => {
    const device = new Device(fixture);
    const before = device.startWorker({ schema: { version: 1, tables } });
    const session = await before.signIn('ana');
    const [id, key] = [randomUUID(), randomUUID()];
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id), { 'Idempotency-Key': key });
    before.kill();
    const worker = device.startWorker({ schema: { version: 2, tables }, migrate: () => null });
    const page = pageOf(worker, await worker.signIn('ana'));
    const [failure] = await valueOf(page.failures({}));
    expect(await valueOf(page.outcomeOf(key))).toMatchObject({ type: 'refused', code: 'schema', failure: failure?.id });
  });

  it('is `refused` where it was held, and superseded', async () => {
    const { session, page } = await openDevice(fixture);
    const [id, key] = [randomUUID(), randomUUID()];
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    await session.engine.synchronize('one', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'mine' }, { 'Idempotency-Key': key });
    await valueOf(page.setStatus('visits', 0, `id = "${id}"`, {}));
    await fixture.fetch(`/api/visits/${id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/merge-patch+json' },
      body: JSON.stringify({ note: 'of another' }),
    });
    await session.engine.synchronize('two', { onPartial: 'return' });
    expect(await valueOf(page.outcomeOf(key))).toMatchObject({ type: 'refused', code: 'superseded' });
  });

  it('is that of the group in which it goes on', async () => {
    const { session, page } = await openDevice(fixture);
    const [id, key] = [randomUUID(), randomUUID()];
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id, { rating: 9 }), { 'Idempotency-Key': key });
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(await valueOf(page.outcomeOf(key))).toMatchObject({ type: 'refused' });
    await valueOf(page.group([{ method: 'PATCH', url: `/api/visits/${id}`, body: { rating: 3 } }], {}));
    expect(await valueOf(page.outcomeOf(key))).toMatchObject({ type: 'pending' });
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await valueOf(page.outcomeOf(key))).toMatchObject({ type: 'applied' });
  });
});
