import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

describe('A member of a group that waits for a new record', () => {
  it('is released when the server has made its key, though its own table refers to none such (N-3, U-07)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('setup', {});
    const task = Number((await ask(session, 'POST', '/api/tasks', { title: 'first', visitId: id })).record['id']);
    const requests: readonly GroupRequest[] = [
      { method: 'PATCH', url: `/api/visits/${id}`, body: { note: 'of the group' } },
      { method: 'POST', url: '/api/tasks', body: { title: 'second', visitId: id, afterId: task } },
    ];
    await valueOf(page.group(requests, {}));
    await valueOf(page.setStatus('tasks', 0, `id = ${task}`, {}));
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect((await see(session, 'visits', id)).detail).toBe('blocked');
    await valueOf(page.setStatus('tasks', 1, `id = ${task}`, {}));
    await session.engine.synchronize('two', { mode: 'selected', selection: { tasks: [task] } });
    expect((await see(session, 'visits', id)).detail).toBe('pending');
  });
});

describe('A change that was refused since a new record was not there', () => {
  it('names that record by the key that the server made, in its failure and in itself (N-3, U-08)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('setup', {});
    const first = Number((await ask(session, 'POST', '/api/tasks', { title: 'first', visitId: id })).record['id']);
    const second = await ask(session, 'POST', '/api/tasks', { title: 'second', visitId: id, afterId: first });
    const selection = { tasks: [Number(second.record['id'])] };
    const alone = { mode: 'selected', selection, includeParents: false, onPartial: 'return' } as const;
    await session.engine.synchronize('alone', alone);
    expect(await valueOf(page.failures({}))).toMatchObject([{ code: 'dangling', references: { key: first } }]);
    await session.engine.synchronize('rest', { mode: 'unsynchronized' });
    const key = Number((await ask(session, 'GET', `/api/tasks/${first}`)).record['id']);
    expect(key).toBeGreaterThan(0);
    expect(await valueOf(page.failures({}))).toMatchObject([{ code: 'dangling', references: { key } }]);
    const rows = await session.database.read(['changes'], (tx) => tx.objectStore('changes').getAll());
    expect(rows.map(({ reason }) => reason?.references)).toEqual([{ table: 'tasks', key }]);
  });
});
