import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RestBackendOptions } from '../../sw/backend/rest-backend.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { uploadTo } from './backend-fixture.ts';
import { json, serverThat, type Answer } from './rest-fixture.ts';
import { asObject, command, create, remove, update } from './server-fixture.ts';

/** Answers as a server that fails on what names `bad`, and has `records`. */
function failingOn(records: Readonly<Record<string, JsonObject>> = {}, headers: Record<string, string> = {}): Answer {
  return ({ method, path, body }) => {
    const record = records[path];
    if (method === 'GET') return record === undefined ? json({}, 404) : json(record, 200, { ETag: '"5"' });
    if (`${path}${JSON.stringify(body)}`.includes('bad')) return json({}, 500, headers);
    return method === 'DELETE' ? new Response(null, { status: 204 }) : json({ id: path.slice(-1), ...asObject(body) });
  };
}

async function typesOf(
  changes: readonly JsonObject[],
  { answer = failingOn(), ...options }: RestBackendOptions & { readonly answer?: Answer } = {},
): Promise<readonly unknown[]> {
  const { connection } = serverThat(answer, { concurrency: 1, ...options });
  const { outcomes, fault } = await uploadTo(connection, changes);
  const types = new Map<unknown, string>(outcomes.map(({ mutationId, type }) => [mutationId, type]));
  if (fault !== null) return [...types.values(), 'fault'];
  return changes.map((change) => types.get(change['mutationId']) ?? 'left');
}

const bad = { id: 'bad', note: 'mine' };

describe('A 500 to one change over REST (invariant 9)', () => {
  it.each([
    ['a create', create('visits', bad)],
    ['a create whose key the server makes', create('tasks', { id: -1, title: 'bad' })],
    ['an update', update('visits', bad, { fields: ['note'] })],
    ['a command', command('/api/visits/bad/close')],
  ])('has that tried again later, and the others go on: %s', async (_name, change) => {
    expect(await typesOf([change, remove('visits', 'x'), create('visits', { id: 'y' })])).toEqual([
      'later',
      'applied',
      'applied',
    ]);
  });

  it('has its record say whether it was applied all the same', async () => {
    const there = { answer: failingOn({ '/api/visits/bad': bad }) };
    const other = { answer: failingOn({ '/api/visits/bad': { ...bad, note: 'theirs' } }) };
    const [made, edited, deleted] = [
      create('visits', bad),
      update('visits', bad, { fields: ['note'] }),
      remove('visits', 'bad'),
    ];
    // Under a random key there is no other record than the own one, whatever a hook has made of it.
    const own = { id: randomUUID(), note: 'mine, bad' };
    const hooked = { answer: failingOn({ [`/api/visits/${own.id}`]: { ...own, note: 'hooked' } }) };
    for (const [change, options, outcome] of [
      [create('visits', own), hooked, 'applied'],
      [made, there, 'applied'],
      [made, other, 'conflict'],
      [edited, there, 'applied'],
      [edited, other, 'later'],
      [deleted, there, 'later'],
      [deleted, {}, 'applied'],
    ] as const) {
      expect(await typesOf([change], options)).toEqual([outcome]);
    }
  });

  it('is the fault of the server where it says when to come again', async () => {
    const busy = failingOn({}, { 'Retry-After': '5' });
    expect(await typesOf([create('visits', bad), create('visits', { id: 'y' })], { answer: busy })).toEqual(['fault']);
  });

  it('is no reason to ask it for all of a batch where it fails on several in a row, nor to end the run', async () => {
    const many = Array.from({ length: 9 }, (_, index) => create('visits', { id: `bad-${index}` }));
    const { connection, asked } = serverThat(failingOn(), { concurrency: 1 });
    const { outcomes, ...reply } = await uploadTo(connection, [...many, create('visits', { id: 'y' })]);
    expect(outcomes.map(({ type }) => type)).toEqual(Array.from({ length: 6 }, () => 'later'));
    expect(reply).toMatchObject({ fault: null, isPart: true, gaveUp: true });
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(6);
    const mixed = many.flatMap((change, index) => [change, create('visits', { id: `y-${index}` })]);
    expect(await typesOf(mixed)).toEqual(many.flatMap(() => ['later', 'applied']));
  });

  it('leaves what a server without idempotency may have taken unknown', async () => {
    const options = { idempotency: 'none' } as const;
    for (const change of [create('visits', bad), command('/api/visits/bad/close')])
      expect(await typesOf([change, create('visits', { id: 'y' })], options)).toEqual(['fault']);
    const edit = update('visits', bad, { fields: ['note'] });
    expect(await typesOf([edit, create('visits', { id: 'y' })], options)).toEqual(['later', 'applied']);
  });

  it('holds back what builds on that change', async () => {
    expect(
      await typesOf([
        create('visits', bad),
        create('lines', { id: 'line', visitId: 'bad' }),
        create('lines', { id: 'other', visitId: 'x' }),
        update('photos', { id: 'photo', lineId: 'line' }, { fields: ['lineId'] }),
        command('/api/visits/bad/close'),
        remove('visits', 'x'),
      ]),
    ).toEqual(['later', 'left', 'applied', 'left', 'left', 'applied']);
    const moved = update('tasks', { id: 1, title: 'bad', afterId: null }, { fields: ['title', 'afterId'] });
    expect(await typesOf([moved, remove('tasks', 2), remove('visits', 'x')])).toEqual(['later', 'left', 'applied']);
  });

  it('holds back no more than what builds on that change', async () => {
    const product = update('products', { Code: 1, Name: 'bad' }, { fields: ['Name'] });
    const others = [
      update('visits', { id: 'v', rating: 1 }, { fields: ['rating'] }),
      create('visits', { id: 'w', place: { x: 1 } }),
      command('/api/orders', { count: 1 }),
    ];
    expect(await typesOf([product, ...others])).toEqual(['later', 'applied', 'applied', 'applied']);
    const made = create('products', { Code: 1, Name: 'bad' }, 'Code');
    const types = await typesOf([made, ...others, command('/api/products/1/count')]);
    expect(types).toEqual(['later', 'applied', 'applied', 'applied', 'left']);
  });

  it('has a delete wait for that of what refers to the record (N-1)', async () => {
    const answer = failingOn({ '/api/lines/bad': { id: 'bad', visitId: 'x' } });
    const deletes = [remove('lines', 'bad'), remove('visits', 'x'), remove('products', 1)];
    expect(await typesOf(deletes, { answer })).toEqual(['later', 'left', 'applied']);
  });
});
