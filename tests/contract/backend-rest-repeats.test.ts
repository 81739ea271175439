import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BackendConnection, UploadReply } from '../../sw/backend/backend.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { callAs, uploadTo } from './backend-fixture.ts';
import { json, serverThat, type Answer } from './rest-fixture.ts';
import { asText, command, create, remove, update } from './server-fixture.ts';

const mine = { id: 'a', note: 'mine', rating: null };
const theirs = { id: 'a', note: 'theirs' };

/** A batch, sent as often as it is asked for. */
function batchOf(connection: BackendConnection, changes: readonly JsonObject[]): () => Promise<UploadReply> {
  const texts = changes.map((change) => JSON.stringify(change));
  const body = connection.encodeUpload({
    device: 'device-1',
    run: 'run-00001',
    onConflict: {},
    changes: texts,
    sentBefore: new Set(),
  });
  return () => connection.upload(body, callAs('ana'));
}

describe('A create under client-keys', () => {
  const options = { idempotency: 'client-keys' } as const;
  const holding =
    (record: JsonObject): Answer =>
    ({ method }) =>
      method === 'GET' ? json(record, 200, { ETag: '"5"' }) : json({}, 412);

  it('is sent so that it overwrites nothing', async () => {
    const { connection, asked } = serverThat(({ body }) => json(body, 201), options);
    await uploadTo(connection, [create('visits', mine)]);
    expect(asked[0]?.headers.get('If-None-Match')).toBe('*');
    const off = serverThat(({ body }) => json(body, 201), { ...options, headers: { precondition: false } });
    await uploadTo(off.connection, [create('visits', mine)]);
    expect(off.asked[0]?.headers.has('If-None-Match')).toBe(false);
  });

  it('whose answer was lost was taken, whatever others have made of it since (U-03)', async () => {
    const id = randomUUID();
    const [ours, others] = [
      { ...mine, id },
      { ...theirs, id },
    ];
    let isLost = true;
    const { connection } = serverThat((sent) => {
      if (isLost) throw new TypeError('connection closed');
      return holding(others)(sent);
    }, options);
    const send = batchOf(connection, [create('visits', ours)]);
    expect((await send()).fault).toMatchObject({ code: 'network' });
    isLost = false;
    expect((await send()).outcomes).toMatchObject([{ type: 'applied', record: others, version: '5' }]);
    // Another worker finds the batch stored, and does not know whether it was sent.
    const change = create('visits', ours);
    const content = { device: 'd', run: 'r', onConflict: {}, changes: [JSON.stringify(change)] };
    const body = connection.encodeUpload({ ...content, sentBefore: new Set() });
    const other = serverThat(holding(others), options).connection;
    expect((await other.upload(body, callAs('ana'))).outcomes).toMatchObject([{ type: 'applied', record: others }]);
    // Or it makes another batch of it, and is told.
    for (const [sentBefore, type] of [
      [[asText(change['mutationId'])], 'applied'],
      [[], 'conflict'],
    ] as const) {
      const next = serverThat(holding(others), options).connection;
      const made = next.encodeUpload({ ...content, sentBefore: new Set(sentBefore) });
      expect((await next.upload(made, callAs('ana'))).outcomes).toMatchObject([{ type }]);
    }
  });

  it('whose answer was lost is in conflict with another record under a key that others may take too', async () => {
    for (const [record, outcome] of [
      [theirs, 'conflict'],
      [{ ...mine, by: 'ana' }, 'applied'],
    ] as const) {
      let answer: Answer = () => Promise.reject(new TypeError('connection closed'));
      const { connection } = serverThat((sent) => answer(sent), options);
      const send = batchOf(connection, [create('visits', mine)]);
      await send();
      answer = holding(record);
      expect((await send()).outcomes).toMatchObject([{ type: outcome, record }]);
    }
  });

  it.each([401, 425, 429])('that was answered %i was not taken: what is there is another’s', async (status) => {
    const id = randomUUID();
    let answer: Answer = () => json({}, status);
    const { connection } = serverThat((sent) => answer(sent), options);
    const send = batchOf(connection, [create('visits', { ...mine, id })]);
    expect((await send()).fault).toMatchObject({ details: { status } });
    answer = holding({ ...theirs, id });
    expect((await send()).outcomes).toMatchObject([{ type: 'conflict', record: { note: 'theirs' } }]);
  });

  it('that finds a record at its first sending is in conflict, unless that is the same', async () => {
    const conflict = await uploadTo(serverThat(holding(theirs), options).connection, [create('visits', mine)]);
    expect(conflict.outcomes).toMatchObject([{ type: 'conflict', record: theirs, version: '5' }]);
    const same = await uploadTo(serverThat(holding({ ...mine, by: 'ana' }), options).connection, [
      create('visits', mine),
    ]);
    expect(same.outcomes).toMatchObject([{ type: 'applied', record: mine, version: '5' }]);
  });
});

describe('A 409 under idempotency keys', () => {
  const there = { ...theirs, id: 'there' };
  // The first sending has done nothing yet.
  const underWay: Answer = ({ method, path }) => {
    if (method !== 'GET') return json({ title: 'A request is outstanding for this Idempotency-Key' }, 409);
    return path.endsWith('/there') ? json(there, 200, { ETag: '"5"' }) : json({}, 404);
  };
  const edited = { ...there, note: 'mine' };
  const changes = [
    ['a create', create('visits', mine)],
    ['an edit', update('visits', edited, { fields: ['note'] })],
    ['an edit of a version', update('visits', edited, { fields: ['note'], baseVersion: '5' })],
    ['a delete', remove('visits', 'there', '5')],
    ['a create whose key the server makes', create('tasks', { id: -1, title: 'once' })],
    ['a command', command('/api/visits/a/close')],
  ] as const;

  it.each(changes)('to %s that was sent before is no refusal: the first may be under way', async (_name, change) => {
    let answer: Answer = () => Promise.reject(new TypeError('connection closed'));
    const { connection, asked } = serverThat((sent) => answer(sent));
    const send = batchOf(connection, [change]);
    await send();
    answer = underWay;
    expect((await send()).outcomes).toMatchObject([{ type: 'later', mutationId: change['mutationId'] }]);
    // It goes out again in another batch, under the same id.
    for (let repeat = 2; repeat <= 5; repeat += 1) {
      expect((await batchOf(connection, [change])()).outcomes).toMatchObject([{ type: 'later' }]);
    }
    const keys = asked.filter(({ method }) => method !== 'GET').map(({ headers }) => headers.get('Idempotency-Key'));
    expect(new Set(keys).size).toBe(1);
    // For ever it is a refusal, which the user sees.
    expect((await batchOf(connection, [change])()).outcomes).toMatchObject([{ type: 'rejected' }]);
  });

  it.each(changes)('to %s is a refusal at its first sending, and where its code says so', async (_name, change) => {
    const first = serverThat(underWay).connection;
    expect((await batchOf(first, [change])()).outcomes).toMatchObject([{ type: 'rejected' }]);
    let answer: Answer = () => Promise.reject(new TypeError('connection closed'));
    const { connection } = serverThat((sent) => answer(sent));
    const send = batchOf(connection, [change]);
    await send();
    answer = (sent) => (sent.method === 'GET' ? json({}, 404) : json({ code: 'validation' }, 409));
    expect((await send()).outcomes).toMatchObject([{ type: 'rejected' }]);
  });

  it('to an edit that is there by now is no conflict', async () => {
    let answer: Answer = () => Promise.reject(new TypeError('connection closed'));
    const { connection } = serverThat((sent) => answer(sent));
    const send = batchOf(connection, [update('visits', edited, { fields: ['note'], baseVersion: '5' })]);
    await send();
    answer = ({ method }) => (method === 'GET' ? json(edited, 200, { ETag: '"6"' }) : json({}, 409));
    expect((await send()).outcomes).toMatchObject([{ type: 'later' }]);
  });
});
