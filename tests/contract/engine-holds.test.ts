import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { see } from './engine-fixture.ts';
import { losingUploads, openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

describe('A status that is set synchronized by hand', () => {
  it('holds the edit below a delete that it drops (K-S5)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    await session.engine.synchronize('made', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'edited' });
    await valueOf(page.exportUnsent());
    await ask(session, 'DELETE', `/api/visits/${id}`);
    await valueOf(page.setStatus('visits', 'synchronized', { id }, { includeDeleted: true }));
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'held', record: { note: 'edited' } });
    expect(await valueOf(page.pending())).toMatchObject({ total: 0, sendable: 0, tables: { visits: { held: 1 } } });
    expect(await session.engine.synchronize('again', {})).toMatchObject({ uploaded: 0 });
  });

  it('ends where the user retries what the server refused (F-02, K-S4)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id, { placeId: 'no-such-place' }));
    await session.engine.synchronize('refused', { onPartial: 'return' });
    await valueOf(page.setStatus('visits', 'synchronized', { id }, {}));
    const [failure] = await valueOf(page.failures({}));
    expect(await valueOf(page.retry(failure?.id ?? ''))).toBe(true);
    expect((await see(session, 'visits', id)).detail).toBe('pending');
    expect(await session.engine.synchronize('again', { onPartial: 'return' })).toMatchObject({ failed: 1 });
  });

  it('is one hold, where the record was known under two keys (N-3)', async () => {
    const { session, page, device } = await openDevice(fixture);
    const visitId = randomUUID();
    await ask(session, 'PUT', `/api/visits/${visitId}`, { id: visitId, note: 'a visit' });
    const { record } = await ask(session, 'POST', '/api/tasks', { title: 'Call', visitId });
    device.network = losingUploads(1);
    await expect(session.engine.synchronize('lost', { mode: 'unsynchronized' })).rejects.toThrow();
    const [task] = await fixture.server.database.query('select id from tasks where "visitId" = $1', [visitId]);
    const key = Number(task?.['id']);
    await ask(session, 'PATCH', `/api/tasks/${Number(record['id'])}`, { title: 'Call back' });
    await ask(session, 'PATCH', `/api/tasks/${key}`, { afterId: key });
    await valueOf(page.setStatus('tasks', 'synchronized', { visitId }, {}));
    await session.engine.synchronize('answered', { mode: 'unsynchronized' });
    expect(await see(session, 'tasks', key)).toMatchObject({ detail: 'held' });
    await ask(session, 'PATCH', `/api/tasks/${key}`, { title: 'Write' });
    await session.engine.synchronize('sent', { mode: 'unsynchronized' });
    expect(await see(session, 'tasks', key)).toMatchObject({ detail: 'clean', record: { title: 'Write' } });
    await ask(session, 'PATCH', `/api/tasks/${key}`, { title: 'Wait' });
    expect(await valueOf(page.pending())).toMatchObject({ total: 1, sendable: 1, tables: { tasks: { pending: 1 } } });
  });
});
