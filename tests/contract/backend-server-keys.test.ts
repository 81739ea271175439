import { expect, it } from 'vitest';
import { asText, command, create, newId, update, visit } from './server-fixture.ts';
import { onBothBackends, uploadTo } from './backend-fixture.ts';

onBothBackends(
  'A table whose keys the server makes (U-08)',
  (fixture, connect) => {
    it('answers the key that it made, and is named by it in the rest of the upload', async () => {
      const connection = connect();
      const parent = visit();
      const { outcomes } = await uploadTo(connection, [
        create('visits', parent),
        { ...create('tasks', { id: -5001, visitId: parent['id'] ?? '', title: 'first' }), temporary: true },
        {
          ...create('tasks', { id: -5002, visitId: parent['id'] ?? '', title: 'next', afterId: -5001 }),
          temporary: true,
        },
        command('/api/tasks/-5002/complete', { task: -5002 }),
      ]);
      expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied', 'applied', 'applied']);
      const rows = await fixture.server.database.query(
        'select id, "afterId", done from tasks where "visitId" = $1 order by id',
        [asText(parent['id'])],
      );
      expect(rows).toMatchObject([{ afterId: null }, { afterId: rows[0]?.['id'], done: true }]);
      expect(outcomes[1]).toMatchObject({ key: rows[0]?.['id'], record: { id: rows[0]?.['id'] } });
      expect(outcomes[2]).toMatchObject({ key: rows[1]?.['id'] });
    });

    it('gives a repeat the same key, and no second record', async () => {
      const connection = connect();
      const parent = visit();
      await uploadTo(connection, [create('visits', parent)]);
      const made = [
        { ...create('tasks', { id: -6001, visitId: parent['id'] ?? '', title: 'once' }), temporary: true },
        {
          ...create('tasks', { id: -6002, visitId: parent['id'] ?? '', title: 'after', afterId: -6001 }),
          temporary: true,
        },
      ];
      const first = await uploadTo(connection, made);
      const again = await uploadTo(connection, made);
      expect(again.outcomes.map((outcome) => 'key' in outcome && outcome.key)).toEqual(
        first.outcomes.map((outcome) => 'key' in outcome && outcome.key),
      );
      const id = asText(parent['id']);
      expect(await fixture.server.database.query('select id from tasks where "visitId" = $1', [id])).toHaveLength(2);
    });

    it('says by which key a refused record was sent, where another refers to it', async () => {
      const connection = connect();
      const parent = visit();
      const { outcomes } = await uploadTo(connection, [
        create('visits', parent),
        { ...create('tasks', { id: -7001, visitId: parent['id'] ?? '', title: '' }), temporary: true },
        {
          ...create('tasks', { id: -7002, visitId: parent['id'] ?? '', title: 'next', afterId: -7001 }),
          temporary: true,
        },
      ]);
      expect(outcomes[1]).toMatchObject({ type: 'rejected' });
      expect(outcomes[2]).toMatchObject({ type: 'dangling', references: { table: 'tasks', key: -7001 } });
    });

    it('is updated under the key that was made', async () => {
      const connection = connect();
      const parent = visit();
      const { outcomes } = await uploadTo(connection, [
        create('visits', parent),
        { ...create('tasks', { id: -8001, visitId: parent['id'] ?? '', title: 'first' }), temporary: true },
        update('tasks', { id: -8001, title: 'second' }, { fields: ['title'], mutationId: newId() }),
      ]);
      expect(outcomes[2]).toMatchObject({ type: 'applied', record: { title: 'second' } });
    });
  },
  ['embedded', 'postgresql'],
);
