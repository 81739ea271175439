import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { uploadTo } from './backend-fixture.ts';
import { json, serverThat, type Answer } from './rest-fixture.ts';
import { command, create, update } from './server-fixture.ts';

function task(id: number, more: JsonObject = {}): JsonObject {
  return { ...create('tasks', { id, title: 'a task', ...more }), temporary: true };
}

const batch = [
  task(-5),
  task(-6, { afterId: -5 }),
  command('/api/tasks/-6/complete'),
  command('/api/close', { tasks: [-5] }),
  update('tasks', { id: 7, afterId: -5 }, { fields: ['afterId'] }),
  task(-8),
];

const references = { table: 'tasks', key: -5 };
const follow = [
  { type: 'dangling', references },
  { type: 'dangling', references: { table: 'tasks', key: -6 } },
  { type: 'dangling', references },
  { type: 'dangling', references },
  { type: 'applied', key: 42 },
];

describe('What refers to a new record that a REST server does not have', () => {
  /** Answers the first create so, and takes all others. */
  const firstly =
    (first: () => Response): Answer =>
    () => {
      const [now] = answers.splice(0, 1);
      return now === undefined ? json({ id: 42, title: 'a task' }, 201) : first();
    };
  const answers: number[] = [];

  it.each([
    ['rejected', () => json({ errors: { title: 'is required' } }, 422)],
    ['forbidden', () => json({}, 403)],
  ])('dangles, and is not sent: it was %s (U-07)', async (type, first) => {
    answers.push(1);
    const { connection, asked } = serverThat(firstly(first));
    const { outcomes } = await uploadTo(connection, batch);
    expect(outcomes).toMatchObject([{ type }, ...follow]);
    expect(asked).toHaveLength(2);
  });

  it('dangles where the server does not tell the key that it made (U-08)', async () => {
    for (const headers of [{}, { Location: '/api/tasks' }]) {
      answers.push(1);
      const { connection, asked } = serverThat(firstly(() => new Response(null, { status: 201, headers })));
      const { outcomes } = await uploadTo(connection, batch);
      expect(outcomes).toMatchObject([{ type: 'applied', record: null }, ...follow]);
      expect(asked).toHaveLength(2);
    }
  });

  it.each(['/api/tasks/12', 'https://app.example/api/tasks/12/', '/api/tasks/12?fresh=1', '/api/tasks/12#new'])(
    'names it by the key in its address: %s',
    async (location) => {
      const { connection, asked } = serverThat(({ method, path }) =>
        method === 'POST' && path === '/api/tasks'
          ? new Response(null, { status: 201, headers: { Location: location } })
          : json({}, method === 'GET' ? 404 : 200),
      );
      const { outcomes } = await uploadTo(connection, [task(-5), command('/api/tasks/-5/complete')]);
      expect(outcomes).toMatchObject([{ type: 'applied', key: 12 }, {}]);
      expect(asked.at(-1)?.path).toBe('/api/tasks/12/complete');
    },
  );

  it('waits in the record’s own table too, where keys are made here', async () => {
    const { connection } = serverThat(({ path }) => json({ id: 'x' }, path === '/api/visits' ? 422 : 201));
    const { outcomes } = await uploadTo(connection, [
      create('visits', { id: 'v' }),
      create('lines', { id: 'l', visitId: 'v' }),
      create('photos', { id: 'p', lineId: 'l' }),
    ]);
    expect(outcomes).toMatchObject([
      { type: 'rejected' },
      { type: 'dangling', references: { table: 'visits', key: 'v' } },
      { type: 'dangling', references: { table: 'lines', key: 'l' } },
    ]);
  });
});
