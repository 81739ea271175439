import { expect, it } from 'vitest';
import {
  asObject,
  asText,
  command,
  create,
  newId,
  objectsOf,
  onBothDatabases,
  visit,
  type Fixture,
} from './server-fixture.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';

async function uploadGroup(fixture: Fixture, changes: readonly JsonObject[]): Promise<JsonObject[]> {
  const request = {
    protocol: 1,
    schema: 1,
    device: 'device-1',
    run: 'run-00001',
    onConflict: {},
    group: newId(),
    changes,
  };
  const { body } = await fixture.request('POST', '/sync/upload', { body: request });
  return objectsOf(body, 'outcomes');
}

onBothDatabases('A group of changes', (fixture) => {
  it('is applied as a whole', async () => {
    const parent = visit();
    const id = asText(parent['id']);
    const outcomes = await uploadGroup(fixture, [
      create('visits', parent),
      { ...create('tasks', { id: -1, visitId: id, title: 'call' }), temporary: true },
      command(`/api/visits/${id}/close`),
    ]);
    expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied', 'applied']);
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ status: 'closed' });
  });

  it('is not applied at all if one of it is refused, also when it is repeated', async () => {
    const parent = visit();
    const id = asText(parent['id']);
    const changes = [
      create('visits', parent),
      create('visits', visit({ rating: 9 })),
      command(`/api/visits/${id}/close`),
    ];
    const because = changes[1]?.['mutationId'];
    const outcomes = await uploadGroup(fixture, changes);
    expect(outcomes).toMatchObject([{ type: 'undone', because }, { type: 'rejected' }, { type: 'undone', because }]);
    expect(await uploadGroup(fixture, changes)).toEqual(outcomes);
    expect((await fixture.request('GET', `/api/visits/${id}`)).status).toBe(404);
    const [settled] = objectsOf(
      (
        await fixture.request('POST', '/sync/settle', {
          body: { protocol: 1, mutationIds: [asText(changes[0]?.['mutationId'])], fence: false },
        })
      ).body,
      'outcomes',
    );
    expect(settled).toMatchObject({ type: 'undone' });
  });
  it('that is undone shows a conflict’s record as it is without the group', async () => {
    const made = visit();
    const id = asText(made['id']);
    const read = async (): Promise<JsonObject> => asObject((await fixture.request('GET', `/api/visits/${id}`)).body);
    await fixture.request('POST', '/api/visits', { body: made });
    const before = await read();
    // Made by somebody else meanwhile: the command goes, the change of the same record does not.
    const [closed, refused] = await uploadGroup(fixture, [command(`/api/visits/${id}/close`), create('visits', made)]);
    expect(closed).toMatchObject({ type: 'undone' });
    expect(refused).toMatchObject({ type: 'conflict', record: before });
    expect(await read()).toEqual(before);
    const { body } = await fixture.request('POST', '/sync/read', {
      body: { protocol: 1, tables: [{ table: 'visits', keys: [id] }] },
    });
    const [table] = objectsOf(body, 'tables');
    expect(objectsOf(table ?? {}, 'records')).toMatchObject([{ key: id, version: refused?.['version'] }]);
  });
});
