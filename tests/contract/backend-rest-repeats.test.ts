import { describe, expect, it } from 'vitest';
import type { BackendConnection, UploadReply } from '../../sw/backend/backend.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { callAs, uploadTo } from './backend-fixture.ts';
import { json, serverThat, type Answer } from './rest-fixture.ts';
import { create } from './server-fixture.ts';

const mine = { id: 'a', note: 'mine', rating: null };
const theirs = { id: 'a', note: 'theirs' };

/** A batch, sent as often as it is asked for. */
function batchOf(connection: BackendConnection, changes: readonly JsonObject[]): () => Promise<UploadReply> {
  const texts = changes.map((change) => JSON.stringify(change));
  const body = connection.encodeUpload({ device: 'device-1', run: 'run-00001', onConflict: {}, changes: texts });
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
    let isLost = true;
    const { connection } = serverThat((sent) => {
      if (isLost) throw new TypeError('connection closed');
      return holding(theirs)(sent);
    }, options);
    const send = batchOf(connection, [create('visits', mine)]);
    expect((await send()).fault).toMatchObject({ code: 'network' });
    isLost = false;
    expect((await send()).outcomes).toMatchObject([{ type: 'applied', record: theirs, version: '5' }]);
    // Another worker finds the batch stored, and does not know whether it was sent.
    const body = connection.encodeUpload({
      device: 'd',
      run: 'r',
      onConflict: {},
      changes: [JSON.stringify(create('visits', mine))],
    });
    const other = serverThat(holding(theirs), options).connection;
    expect((await other.upload(body, callAs('ana'))).outcomes).toMatchObject([{ type: 'applied', record: theirs }]);
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
