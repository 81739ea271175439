import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { uploadTo } from './backend-fixture.ts';
import { json, serverThat, type Answer } from './rest-fixture.ts';
import { command, create, remove, update } from './server-fixture.ts';

const stored = { id: 'a', note: 'stored' };
const empty = (status: number): Response => new Response('', { status, headers: { 'Content-Type': 'text/plain' } });
const writes = (): readonly (readonly [string, JsonObject])[] => [
  ['create', create('visits', { id: 'a', note: 'stored' })],
  ['create whose key the server makes', create('tasks', { id: -1, title: 'stored' })],
  ['update', update('visits', { id: 'a', note: 'stored' }, { fields: ['note'] })],
  ['delete', remove('visits', 'a')],
  ['command on a record', command('/api/visits/a/close')],
  ['command', command('/api/close')],
];

describe('An empty answer to a write over REST (A-R1)', () => {
  it.each(writes())('acknowledges nothing with 200 where the server is not there: %s', async (_name, change) => {
    const { connection } = serverThat(() => empty(200));
    const { outcomes, fault } = await uploadTo(connection, [change]);
    expect([outcomes, fault]).toMatchObject([[], { code: 'not-our-server', retryable: true }]);
  });

  it('is believed with 200 where the record, read after it, is as it must be', async () => {
    const there: Answer = ({ method }) => (method === 'GET' ? json(stored) : empty(200));
    const gone: Answer = ({ method }) => (method === 'GET' ? json({}, 404) : empty(200));
    const [made, , edited, deleted, closed] = writes().map(([, change]) => change);
    for (const [change, holds, lacks] of [
      [made, there, gone],
      [edited, there, gone],
      [deleted, gone, there],
      [closed, there, null],
    ] as const) {
      const believed = await uploadTo(serverThat(holds).connection, change === undefined ? [] : [change]);
      expect(believed).toMatchObject({ outcomes: [{ type: 'applied' }], fault: null });
      if (lacks === null) continue;
      const not = await uploadTo(serverThat(lacks).connection, change === undefined ? [] : [change]);
      expect(not).toMatchObject({ outcomes: [], fault: { code: 'not-our-server' } });
    }
  });

  it.each(writes())('is an acknowledgement with 204: %s', async (_name, change) => {
    const { connection } = serverThat(({ method }) =>
      method === 'GET' ? empty(200) : new Response(null, { status: 204 }),
    );
    const { outcomes, fault } = await uploadTo(connection, [change]);
    expect([outcomes, fault]).toMatchObject([[{ type: 'applied' }], null]);
  });
});

describe('An answer to a write over REST that has not all of the record', () => {
  const whole = { id: 'a', note: 'stored', rating: 3, done: null };
  const changes = [create('visits', whole), update('visits', whole, { fields: ['note'] })];

  it.each(['create', 'update'] as const)('has it read: %s', async (type) => {
    const { connection } = serverThat(({ method }) =>
      method === 'GET' ? json({ ...whole, by: 'ana' }, 200, { ETag: '"9"' }) : json({ id: 'a', note: 'stored' }),
    );
    const { outcomes } = await uploadTo(
      connection,
      changes.filter((change) => change['type'] === type),
    );
    expect(outcomes).toMatchObject([{ type: 'applied', record: { ...whole, by: 'ana' }, version: '9' }]);
  });

  it('is completed with what was sent where it cannot be read', async () => {
    const { connection } = serverThat(({ method }) =>
      method === 'GET' ? Promise.reject(new TypeError('closed')) : json({ id: 'a', rating: 4 }, 201, { ETag: '"9"' }),
    );
    const { outcomes } = await uploadTo(connection, changes.slice(0, 1));
    expect(outcomes).toMatchObject([{ type: 'applied', record: { ...whole, rating: 4 }, version: '9' }]);
  });

  it('is read under the key that the server made', async () => {
    const made = { id: 77, title: 'stored' };
    const { connection, asked } = serverThat(({ method }) => json(method === 'GET' ? made : { id: 77 }));
    const { outcomes } = await uploadTo(connection, [create('tasks', { id: -1, title: 'stored' })]);
    expect(outcomes).toMatchObject([{ type: 'applied', key: 77, record: made }]);
    expect(asked.at(-1)).toMatchObject({ method: 'GET', path: '/api/tasks/77' });
  });

  it('is not read where it lacks nothing but what is null', async () => {
    const { connection, asked } = serverThat(() => json({ id: 'a', note: 'other', rating: 3 }));
    await uploadTo(connection, changes.slice(0, 1));
    expect(asked).toHaveLength(1);
  });
});

it('An address over REST that cannot be decoded is no fault of the run', async () => {
  const location = { Location: '/api/tasks/%E0%A4%A' };
  const { connection } = serverThat(({ path }) => (path === '/api/tasks' ? json({}, 201, location) : json({})));
  const { outcomes, fault } = await uploadTo(connection, [
    command('/api/visits/%ZZ/close'),
    create('tasks', { id: -1, title: 'stored' }),
  ]);
  expect([outcomes, fault]).toMatchObject([[{ type: 'applied' }, { type: 'applied', record: null }], null]);
});
