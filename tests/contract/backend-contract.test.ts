import { expect, it } from 'vitest';
import { isMutationId, type JsonObject } from '../../sw/protocol/record.ts';
import { parseFilter } from '../../sw/filter/index.ts';
import { callAs, downloadFrom, onBothBackends, uploadTo } from './backend-fixture.ts';
import { command, create, newId, remove, update } from './server-fixture.ts';

const html = (): Promise<Response> =>
  Promise.resolve(new Response('<p>Sign in to the network</p>', { headers: { 'Content-Type': 'text/html' } }));

function newVisit(fields: JsonObject = {}): JsonObject & { readonly id: string } {
  return { note: 'A visit', ...fields, id: newId() };
}

onBothBackends('A backend', (fixture, connect) => {
  it('answers outcomes in the order of the changes, with what the server made of each', async () => {
    const records = Array.from({ length: 15 }, (_, index) => newVisit({ reference: `order-${index}` }));
    const changes = records.map((record) => create('visits', record));
    const { outcomes, fault, serverEpoch, bytesSent, bytesReceived } = await uploadTo(connect(), changes);
    expect(fault).toBeNull();
    expect(outcomes.map(({ mutationId }) => mutationId)).toEqual(changes.map((change) => change['mutationId']));
    for (const [index, outcome] of outcomes.entries()) {
      expect(outcome).toMatchObject({ type: 'applied', record: { reference: `ORDER-${index}`, status: 'open' } });
      expect(outcome).toHaveProperty('version', expect.stringMatching(/^\d+$/));
    }
    expect(typeof serverEpoch).toBe('string');
    expect(bytesSent).toBeGreaterThan(500);
    expect(bytesReceived).toBeGreaterThan(500);
  });

  it('sends what refers to a record after it, and what is deleted after what referred to it', async () => {
    const parent = newVisit();
    const lines = [1, 2, 3].map((quantity) => {
      return { id: newId(), visitId: parent.id, productCode: 2, quantity, price: 2 };
    });
    const written = await uploadTo(connect(), [
      create('visits', parent),
      ...lines.map((line) => create('lines', line)),
      command(`/api/visits/${parent.id}/close`),
    ]);
    expect(written.outcomes.map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => 'applied'));
    const found = await fixture.request('GET', `/api/visits/${parent.id}`);
    expect(found.body).toMatchObject({ total: 12, status: 'closed' });

    const product = { Code: 900, Name: 'Short-lived', Stock: 1 };
    const line = { id: newId(), visitId: parent.id, productCode: 900, quantity: 1, price: 1 };
    const { outcomes } = await uploadTo(connect(), [
      create('products', product, 'Code'),
      create('lines', line),
      remove('lines', line.id),
      remove('products', 900),
    ]);
    expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied', 'applied', 'applied']);
  });

  it('lets several changes of one record follow each other without a conflict', async () => {
    const record = newVisit();
    const [made] = (await uploadTo(connect(), [create('visits', record)])).outcomes;
    const baseVersion = made?.type === 'applied' ? made.version : null;
    const { outcomes } = await uploadTo(connect(), [
      update('visits', { ...record, note: 'One' }, { fields: ['note'], baseVersion }),
      update('visits', { ...record, note: 'Two' }, { fields: ['note'], baseVersion }),
      command(`/api/visits/${record.id}/close`),
      update('visits', { ...record, note: 'Three' }, { fields: ['note'], baseVersion }),
    ]);
    expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied', 'applied', 'applied']);
    expect(outcomes[3]).toMatchObject({ record: { note: 'Three', status: 'closed' } });
  });

  it('applies a repeated upload once', async () => {
    const record = newVisit();
    const changes = [create('visits', record), update('visits', { ...record, rating: 3 }, { fields: ['rating'] })];
    const onConflict = { visits: 'overwrite' as const };
    await uploadTo(connect(), changes, { onConflict });
    await fixture.request('PATCH', `/api/visits/${record.id}`, { body: { rating: 5 } });
    const { outcomes } = await uploadTo(connect(), changes, { onConflict });
    expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied']);
    expect(outcomes[1]).toMatchObject({ record: { rating: 5 } });
  });

  it('writes the named fields only, and takes away those that are no more', async () => {
    const record = newVisit({ rating: 2, reference: newId() });
    await uploadTo(connect(), [create('visits', record)]);
    await fixture.request('PATCH', `/api/visits/${record.id}`, { body: { note: 'By another' } });
    const edited = { id: record.id, note: 'Old', reference: record['reference'] ?? null };
    const change = update('visits', edited, { fields: ['rating'] });
    const { outcomes } = await uploadTo(connect(), [change], { onConflict: { visits: 'overwrite' } });
    expect(outcomes).toMatchObject([{ type: 'applied', record: { note: 'By another' } }]);
    expect(outcomes[0]).not.toHaveProperty('record.rating');
  });

  it('replaces an object in a field as a whole', async () => {
    const name = newId();
    await uploadTo(connect(), [create('preferences', { name, value: { hue: 3, old: true } }, 'name')]);
    const change = { ...update('preferences', { name, value: { hue: 4 } }, { fields: ['value'] }), key: name };
    const { outcomes } = await uploadTo(connect(), [change], { onConflict: { preferences: 'overwrite' } });
    expect(outcomes).toMatchObject([{ type: 'applied' }]);
    expect((await fixture.request('GET', `/api/preferences/${name}`)).body).toEqual({ name, value: { hue: 4 } });
  });

  it('reports a conflict with the current record and its version, and overwrites where it is told to', async () => {
    const record = newVisit();
    const path = `/api/visits/${record.id}`;
    const [made] = (await uploadTo(connect(), [create('visits', record)])).outcomes;
    const baseVersion = made?.type === 'applied' ? made.version : null;
    const now = await fixture.request('PATCH', path, { body: { note: 'By another' } });
    const version = now.headers.get('ETag')?.slice(1, -1);
    const changes = () => [
      update('visits', { ...record, note: 'Mine' }, { fields: ['note'], baseVersion }),
      remove('visits', record.id, baseVersion),
    ];
    const { outcomes } = await uploadTo(connect(), changes());
    const current = { type: 'conflict', record: { note: 'By another' }, version };
    expect(outcomes).toMatchObject([current, current]);
    const again = await uploadTo(connect(), changes(), { onConflict: { visits: 'overwrite' } });
    expect(again.outcomes).toMatchObject([{ type: 'applied' }, { type: 'applied', record: null, version: null }]);
  });

  it('reports a create of a key that is taken as a conflict with the record that has it', async () => {
    const change = create('products', { Code: 1, Name: 'Mine', Stock: 1 }, 'Code');
    const { outcomes } = await uploadTo(connect(), [change]);
    expect(outcomes).toMatchObject([{ type: 'conflict', record: { Code: 1 } }]);
    expect(outcomes[0]).not.toHaveProperty('record.Name', 'Mine');
  });

  it('tells each refusal apart, and takes the changes beside it', async () => {
    const mine = newVisit();
    const parent = { id: newId(), visitId: mine.id, productCode: 2, quantity: 1, price: 1 };
    const bens = newVisit();
    await uploadTo(connect(), [create('visits', bens)], { user: 'ben' });
    const missing = newId();
    const { outcomes, fault } = await uploadTo(connect(), [
      create('visits', mine),
      create('visits', newVisit({ rating: 9 })),
      create('visits', newVisit({ note: 'no #reject' })),
      create('visits', newVisit({ placeId: 'XX-1' })),
      update('visits', { ...bens, note: 'Mine now' }, { fields: ['note'] }),
      update('visits', { id: missing, note: 'Nowhere' }, { fields: ['note'] }),
      remove('visits', missing),
      create('visits', newVisit({ note: 'x'.repeat(1_100_000) })),
      create('lines', parent),
      command(`/api/visits/${missing}/close`),
      command(`/api/visits/${mine.id}/hand-over`, { to: 'eve' }),
    ]);
    expect(fault).toBeNull();
    expect(outcomes).toMatchObject([
      { type: 'applied' },
      { type: 'rejected', code: 'validation', fields: { rating: 'must be 5 or less' } },
      { type: 'rejected', code: 'hook' },
      { type: 'dangling', references: { table: 'places', key: 'XX-1' } },
      { type: 'forbidden' },
      { type: 'gone' },
      { type: 'applied', record: null, version: null },
      { type: 'rejected', code: 'too-large' },
      { type: 'applied', record: { quantity: 1 } },
      { type: 'gone' },
      { type: 'rejected', code: 'validation' },
    ]);
  });

  it('refuses the deletion of a record that is referred to', async () => {
    const { outcomes } = await uploadTo(connect(), [remove('products', 8)], { onConflict: { products: 'overwrite' } });
    expect(outcomes).toMatchObject([{ type: 'rejected', code: 'validation' }]);
  });

  it('downloads a table by key, between its marks, with its count', async () => {
    const { types, records, count } = await downloadFrom(connect(), 'products');
    expect(types).toEqual(['start', 'table', 'records', 'end', 'finish']);
    expect(count).toBe(records.length);
    expect(records.length).toBeGreaterThanOrEqual(23);
    const codes = records.map((record) => Number(record['Code']));
    expect(codes).toEqual([...codes].sort((a, b) => a - b));
    expect(records[0]).toMatchObject({ Code: 1 });
  });

  it('downloads an empty scope as such, and a filtered one by its parameters', async () => {
    const none = { type: 'filter', filter: parseFilter("Name = 'Nothing'"), params: {} } as const;
    const empty = await downloadFrom(connect(), 'products', none);
    expect(empty).toEqual({ types: ['start', 'table', 'end', 'finish'], records: [], count: 0 });
    const some = { type: 'filter', filter: parseFilter('Code <= :most'), params: { most: 3 } } as const;
    const { records } = await downloadFrom(connect(), 'products', some);
    expect(records.map((record) => record['Code'])).toEqual([1, 2, 3]);
  });

  it('reads single records, and says of each that is not there that it is not', async () => {
    const read = await connect().read('products', [3, 404_404, 2], callAs('ana'));
    expect(read).toMatchObject([
      { key: 3, record: { Code: 3 } },
      { key: 404_404, record: null, version: null },
      { key: 2, record: { Code: 2 } },
    ]);
    expect(read[0]?.version).toMatch(/^\d+$/);
  });

  it('knows nothing of a mutation that never arrived', async () => {
    const mutationId = newId();
    if (!isMutationId(mutationId)) throw new Error('The id is none.');
    const outcomes = await connect().settle([mutationId], false, callAs('ana'));
    expect(outcomes).toEqual([{ type: 'unknown', mutationId }]);
  });

  it('pings a server that answers', async () => {
    await expect(connect().ping(callAs('ana'))).resolves.toBeUndefined();
  });

  it('believes no login page (U-11)', async () => {
    const connection = connect(html);
    await expect(connection.ping(callAs('ana'))).rejects.toMatchObject({ code: 'not-our-server' });
    await expect(connection.read('products', [1], callAs('ana'))).rejects.toMatchObject({ code: 'not-our-server' });
    await expect(downloadFrom(connection, 'products')).rejects.toMatchObject({ code: 'not-our-server' });
  });

  it('refuses credentials of another user than is meant, and applies nothing', async () => {
    const record = newVisit();
    const connection = connect((input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('Authorization', 'Bearer ben-demo');
      return fetch(input, { ...init, headers });
    });
    const reply = await uploadTo(connection, [create('visits', record)]).catch((error: unknown) => ({ fault: error }));
    expect(reply).toMatchObject({ fault: { code: 'user-mismatch' } });
    await expect(downloadFrom(connection, 'visits')).rejects.toMatchObject({ code: 'user-mismatch' });
    const found = await fixture.request('GET', `/api/visits/${record.id}`, { user: 'ben' });
    expect(found.status).toBe(404);
  });

  it('tells missing credentials, a failing server and no network apart', async () => {
    const answers: [string, () => Promise<Response>][] = [
      ['auth-required', () => Promise.resolve(new Response(null, { status: 401 }))],
      ['server', () => Promise.resolve(new Response(null, { status: 503, headers: { 'Retry-After': '7' } }))],
      ['network', () => Promise.reject(new TypeError('Failed to fetch'))],
    ];
    for (const [code, answer] of answers) {
      await expect(connect(answer).read('products', [1], callAs('ana'))).rejects.toMatchObject({ code });
      await expect(downloadFrom(connect(answer), 'products')).rejects.toMatchObject({ code });
    }
  });

  it('stops at once when the caller does', async () => {
    const controller = new AbortController();
    controller.abort(new Error('Cancelled'));
    const asked = connect().read('products', [1], callAs('ana', controller.signal));
    await expect(asked).rejects.toMatchObject({ code: 'network' });
  });
});
