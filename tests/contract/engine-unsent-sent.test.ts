import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import { Device } from './engine-fixture.ts';
import { pageOf, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const kinds = ['none', 'client-keys', 'key'] as const;

async function openRest(idempotency: (typeof kinds)[number]): Promise<Opened> {
  const device = new Device(fixture, { visits: { path: '/api/visits', key: 'id' } });
  const worker = device.startWorker({ backend: restBackend({ idempotency }) });
  const session = await worker.signIn('ana');
  await session.engine.synchronize('first', {});
  return { device, worker, session, page: pageOf(worker, session) };
}

async function onServer(id: string): Promise<Json> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 200 ? body : null;
}

async function editByAnother(id: string, body: JsonObject): Promise<void> {
  await fixture.fetch(`/api/visits/${id}`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/merge-patch+json' },
    body: JSON.stringify(body),
  });
}

describe('What was exported and sent, and is imported again (I-2, O2)', () => {
  it.each(kinds)('undoes nothing that others wrote since (%s)', async (kind) => {
    const { session, page } = await openRest(kind);
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    await session.engine.synchronize('one', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'mine, long ago' });
    const file = await valueOf(page.exportUnsent());
    await session.engine.synchronize('two', {});
    await editByAnother(id, { note: 'newer' });
    await session.engine.synchronize('three', {});
    expect(await valueOf(page.importUnsent(file))).toMatchObject({ changes: 0, skipped: 1 });
    await session.engine.synchronize('four', {});
    expect(await onServer(id)).toMatchObject({ note: 'newer' });
  });

  it.each(kinds)('makes nothing anew that was deleted since (%s)', async (kind) => {
    const { session, page } = await openRest(kind);
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    const file = await valueOf(page.exportUnsent());
    await session.engine.synchronize('one', {});
    await ask(session, 'DELETE', `/api/visits/${id}`);
    await session.engine.synchronize('two', {});
    await valueOf(page.importUnsent(file));
    await session.engine.synchronize('three', {});
    expect(await onServer(id)).toBeNull();
  });

  it('gives no command a second time, a sign-out that threw away what was unsent in between', async () => {
    const { device, worker, session, page } = await openRest('client-keys');
    const [id, unsent] = [randomUUID(), randomUUID()];
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    await ask(session, 'POST', `/api/visits/${id}/close`, {});
    await ask(session, 'PUT', `/api/visits/${unsent}`, visit(unsent));
    await valueOf(page.setStatus('visits', 0, `id = "${unsent}"`, {}));
    const file = await valueOf(page.exportUnsent());
    await session.engine.synchronize('one', {});
    await valueOf(page.signOut({ unsent: 'discard' }));
    const again = await worker.signIn('ana');
    await editByAnother(id, { status: 'open' });
    expect(await valueOf(pageOf(worker, again).importUnsent(file))).toMatchObject({
      changes: 1,
      commands: 0,
      skipped: 2,
    });
    const sent: string[] = [];
    device.network = (path, forward, _headers, method) => {
      if (method !== 'GET') sent.push(`${method} ${path}`);
      return forward();
    };
    await again.engine.synchronize('two', {});
    expect(sent).toEqual([]);
  });
});
