import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { Device, see } from './engine-fixture.ts';
import { holding, losingUploads, network, noNetwork, openDevice, pageOf, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** A visit and two tasks after it, of which the second comes after the first, and the first is done at once. */
function visitWithTasks(visitId: string, titles: readonly [string, string] = ['first', 'second']): GroupRequest[] {
  return [
    { method: 'POST', url: '/api/visits', as: 'visit', body: visit(visitId) },
    { method: 'POST', url: '/api/tasks', as: 'first', body: { title: titles[0], visitId: '$visit' } },
    {
      method: 'POST',
      url: '/api/tasks',
      as: 'second',
      body: { title: titles[1], visitId: '$visit', afterId: '$first' },
    },
    { method: 'PATCH', url: '/api/tasks/$second', body: { done: false } },
    { method: 'POST', url: '/api/tasks/$first/complete', body: { then: ['$second', { of: '$visit' }] } },
  ];
}

function tasksOf(visitId: string): Promise<readonly Record<string, unknown>[]> {
  const query = 'select id, title, "afterId", done from tasks where "visitId" = $1 order by id';
  return fixture.server.database.query(query, [visitId]);
}

async function expectTaken(visitId: string, titles: readonly [string, string] = ['first', 'second']): Promise<void> {
  const tasks = await tasksOf(visitId);
  expect(tasks).toMatchObject([
    { title: titles[0], afterId: null, done: true },
    { title: titles[1], afterId: tasks[0]?.['id'], done: false },
  ]);
}

describe('A new record that is named in its atomic group (U-08)', () => {
  it('is referred to by the others, here and on the server, whoever makes its key', async () => {
    const { session, page } = await openDevice(fixture);
    const visitId = randomUUID();
    const { members } = await valueOf(page.group(visitWithTasks(visitId), {}));
    const [, first, second] = members.map((member) => (member.type === 'record' ? member.key : null));
    expect(Number(first)).toBeLessThan(0);
    expect(await see(session, 'tasks', second ?? 0)).toMatchObject({ record: { visitId, afterId: first } });
    const [command] = await session.database.read(['commands'], (tx) => tx.objectStore('commands').getAll());
    expect(command).toMatchObject({
      path: `/api/tasks/${String(first)}/complete`,
      body: { then: [second, { of: visitId }] },
      names: [{ table: 'tasks', key: first }],
    });
    expect(await session.engine.synchronize('one', {})).toMatchObject({ outcome: 'finished', uploaded: 3 });
    await expectTaken(visitId);
    const [one, two] = (await tasksOf(visitId)).map(({ id }) => Number(id));
    expect(await see(session, 'tasks', second ?? 0)).toMatchObject({
      detail: 'clean',
      record: { id: two, afterId: one },
    });
  });

  it('gets one key though the answer to the group was lost and the worker died over it (U-03)', async () => {
    const device = new Device(fixture);
    const worker = device.startWorker();
    const before = await worker.signIn('ana');
    const visitId = randomUUID();
    await valueOf(pageOf(worker, before).group(visitWithTasks(visitId), {}));
    device.network = losingUploads();
    await expect(before.engine.synchronize('one', {})).rejects.toMatchObject({ code: 'network' });
    worker.kill();
    device.network = network;
    const session = await device.startWorker().signIn('ana');
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    await expectTaken(visitId);
  });

  it('is refused with the others, and taken with them once that is mended (U-06)', async () => {
    const { session, page } = await openDevice(fixture);
    const visitId = randomUUID();
    const { members } = await valueOf(page.group(visitWithTasks(visitId, ['first', '']), {}));
    const second = members[2]?.type === 'record' ? members[2].key : 0;
    expect(await session.engine.synchronize('one', { onPartial: 'return' })).toMatchObject({ uploaded: 0, failed: 1 });
    expect(await tasksOf(visitId)).toEqual([]);
    expect(await see(session, 'tasks', second)).toMatchObject({ detail: 'rejected' });
    await ask(session, 'PATCH', `/api/tasks/${String(second)}`, { title: 'mended' });
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', uploaded: 3, failed: 0 });
    await expectTaken(visitId, ['first', 'mended']);
  });

  it('is named in references, addresses and commands alone: any other text is the user’s', async () => {
    const { session, page } = await openDevice(fixture);
    const visitId = randomUUID();
    await valueOf(page.group(visitWithTasks(visitId, ['$first', '$second']), {}));
    await session.engine.synchronize('one', {});
    await expectTaken(visitId, ['$first', '$second']);
  });

  it('is not stored, nor anything with it, where a name is wrong, and the error says which request it is', async () => {
    const { session, page } = await openDevice(fixture);
    const visitId = randomUUID();
    const [made = fail(), first = fail(), second = fail(), edit = fail(), done = fail()] = visitWithTasks(visitId);
    const wrong: readonly (readonly [readonly GroupRequest[], number, RegExp, string?])[] = [
      [[made, second, first], 1, /no request before it makes/],
      [[made, done, first], 1, /no request before it makes/],
      [[made, edit, second], 1, /no request before it makes/],
      [[made, first, { ...second, as: 'first' }], 2, /for the second time/],
      [[made, first, { ...second, as: 'not a name' }], 2, /letters/],
      [[made, { method: 'PUT', url: `/api/lines/${randomUUID()}`, as: 'line', body: {} }], 1, /no new record/],
      [[made, first, { ...done, as: 'done' }], 2, /a command/],
      [[made, first, { ...second, body: { title: 'x', visitId: '$first' } }], 2, /in that table/],
      [[made, { ...first, body: { id: -1, title: 'x' } }], 1, /leave id out.*`as`/s, 'invalid-key'],
    ];
    for (const [requests, index, message, code = 'invalid-request'] of wrong) {
      const reply = await page.group(requests, {});
      expect(reply).toMatchObject({ ok: false, error: { code, details: { index } } });
      expect(reply.ok ? '' : reply.error.message).toMatch(message);
    }
    expect(await see(session, 'visits', visitId)).toMatchObject({ record: null });
  });

  it('refers to a record by the key that this got while the group was being stored', async () => {
    const tables: Record<string, TableOptions> = {
      visits: { path: '/api/visits', key: 'id', scope: 'nothing-preserve' },
      tasks: {
        path: '/api/tasks',
        key: 'id',
        serverKeys: true,
        columns: { id: 'number' },
        references: { visitId: 'visits', afterId: 'tasks' },
      },
    };
    const { session, page, device } = await openDevice(fixture, tables);
    const visitId = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(visitId) });
    device.network = noNetwork;
    const parent = await ask(session, 'POST', '/api/tasks', { title: 'first', visitId });
    const { network: held, reached, letGo } = holding('/sync/read');
    device.network = held;
    const group = page.group(
      [
        { method: 'POST', url: '/api/tasks', body: { title: 'second', visitId, afterId: parent.record['id'] ?? null } },
        { method: 'PATCH', url: `/api/visits/${visitId}`, body: { note: 'edited' } },
      ],
      {},
    );
    await reached;
    await session.engine.synchronize('one', { mode: 'unsynchronized' });
    letGo();
    await valueOf(group);
    expect(await session.engine.synchronize('two', { mode: 'unsynchronized' })).toMatchObject({ failed: 0 });
    const [first, second] = await tasksOf(visitId);
    expect(second).toMatchObject({ title: 'second', afterId: first?.['id'] });
  });
});

function fail(): never {
  throw new Error('The group is shorter than that.');
}
