import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const asDraft = { 'Sync-Draft': 'true' };

describe('A write of what is a draft already (Q-2b)', () => {
  it('is stored, though the worker that kept the draft died a moment before', async () => {
    const { device, worker, session } = await openDevice(fixture);
    const id = randomUUID();
    expect((await ask(session, 'PUT', `/api/visits/${id}`, visit(id), asDraft)).status).toBe(201);
    worker.kill();
    const next = await device.startWorker().signIn('ana');
    expect((await ask(next, 'PUT', `/api/visits/${id}`, visit(id))).status).toBe(201);
    expect((await see(next, 'visits', id)).detail).toBe('pending');
  });

  it('keeps a draft that equals a write of a worker that died a moment before', async () => {
    const { device, worker, session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    worker.kill();
    const next = await device.startWorker().signIn('ana');
    expect((await ask(next, 'PUT', `/api/visits/${id}`, visit(id), asDraft)).status).toBe(200);
    expect(await valueOf(page.drafts('visits'))).toMatchObject([{ key: id }]);
  });

  it('is refused under the draft’s Idempotency-Key, and not answered as if it were stored', async () => {
    const { session } = await openDevice(fixture);
    const id = randomUUID();
    const key = { 'Idempotency-Key': randomUUID() };
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id), { ...asDraft, ...key });
    const answer = await ask(session, 'PUT', `/api/visits/${id}`, visit(id), key);
    expect(answer).toMatchObject({ status: 422, record: { code: 'request-changed' } });
    expect((await ask(session, 'PUT', `/api/visits/${id}`, visit(id), { ...asDraft, ...key })).status).toBe(201);
  });
});
