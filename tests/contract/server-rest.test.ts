import { expect, it } from 'vitest';
import { arrayOf, asObject, newId, onBothDatabases, asText } from './server-fixture.ts';

onBothDatabases('REST', (fixture) => {
  it('lists a table with its total count, by limit and offset', async () => {
    const { body, headers, status } = await fixture.request('GET', '/api/products?limit=2&offset=1');
    expect(status).toBe(200);
    expect(headers.get('X-Total-Count')).toBe('23');
    expect(body).toEqual([
      { Code: 2, Name: 'Pepsi Cola', Stock: 200 },
      { Code: 3, Name: 'Pork Chops', Stock: 300 },
    ]);
    const all = await fixture.request('GET', '/api/products');
    expect(arrayOf(all.body)).toHaveLength(23);
  });

  it('filters by language and by equality, and orders', async () => {
    const filter = encodeURIComponent('FIELD(Products,Name) LIKE "%cola" AND Stock >= 100');
    const colas = await fixture.request('GET', `/api/products?filter=${filter}&orderBy=-Stock`);
    expect(arrayOf(colas.body).map((record) => asObject(record)['Code'])).toEqual([2, 1]);
    expect(colas.headers.get('X-Total-Count')).toBe('2');
    const pork = await fixture.request('GET', '/api/products?Code=3');
    expect(arrayOf(pork.body).map((record) => asObject(record)['Name'])).toEqual(['Pork Chops']);
    const dated = await fixture.request('GET', `/api/visits?filter=${encodeURIComponent("date > '2026-03-05'")}`);
    expect(arrayOf(dated.body)).toHaveLength(2);
  });

  it('answers a wrong filter with its position', async () => {
    const { body, status } = await fixture.request('GET', '/api/products?filter=Stok%20%3D%201');
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'filter', position: 0 });
  });

  it('creates with a key of its own, and says where', async () => {
    const answer = await fixture.request('POST', '/api/visits', { body: { note: 'New', reference: `low-${newId()}` } });
    expect(answer.status).toBe(201);
    const record = asObject(answer.body);
    expect(answer.headers.get('Location')).toBe(`/api/visits/${asText(record['id'])}`);
    expect(record['reference']).toMatch(/^LOW-/);
    expect(record).toMatchObject({ note: 'New', status: 'open', total: 0 });
    const found = await fixture.request('GET', `/api/visits/${asText(record['id'])}`);
    expect(found.body).toEqual(record);
    expect(found.headers.get('ETag')).toBe(answer.headers.get('ETag'));
  });

  it('answers a create of a known key with exists', async () => {
    const { body, status } = await fixture.request('POST', '/api/products', { body: { Code: 1, Name: 'X', Stock: 1 } });
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'exists' });
  });

  it('replaces, patches and deletes', async () => {
    const path = `/api/visits/${newId()}`;
    expect((await fixture.request('PUT', path, { body: { note: 'Put', rating: 2 } })).status).toBe(201);
    const put = await fixture.request('PUT', path, { body: { note: 'Put again' } });
    expect(put.status).toBe(200);
    expect(put.body).not.toHaveProperty('rating');
    const patched = await fixture.request('PATCH', path, { body: { rating: 5, note: 'Patched' } });
    expect(patched.body).toMatchObject({ rating: 5, note: 'Patched' });
    const less = await fixture.request('PATCH', path, { body: { rating: null } });
    expect(less.body).not.toHaveProperty('rating');
    expect((await fixture.request('DELETE', path)).status).toBe(204);
    expect((await fixture.request('DELETE', path)).status).toBe(404);
    expect((await fixture.request('PATCH', path, { body: { rating: 5 } })).status).toBe(404);
    expect((await fixture.request('GET', path)).status).toBe(404);
  });

  it('puts nothing over a record with If-None-Match: *', async () => {
    const path = `/api/visits/${newId()}`;
    const put = (note: string): ReturnType<typeof fixture.request> =>
      fixture.request('PUT', path, { body: { id: path.slice(-36), note }, headers: { 'If-None-Match': '*' } });
    expect((await put('One')).status).toBe(201);
    expect((await put('Two')).status).toBe(412);
    expect((await fixture.request('GET', path)).body).toMatchObject({ note: 'One' });
  });

  it('refuses a write whose If-Match names another version', async () => {
    const path = `/api/visits/${newId()}`;
    const first = await fixture.request('PUT', path, { body: { note: 'One' } });
    const etag = first.headers.get('ETag') ?? '';
    const second = await fixture.request('PATCH', path, { body: { note: 'Two' }, headers: { 'If-Match': etag } });
    expect(second.status).toBe(200);
    const late = await fixture.request('PATCH', path, { body: { note: 'Three' }, headers: { 'If-Match': etag } });
    expect(late.status).toBe(412);
    expect(late.body).toMatchObject({ code: 'conflict' });
    const deleted = await fixture.request('DELETE', path, { headers: { 'If-Match': etag } });
    expect(deleted.status).toBe(412);
    expect((await fixture.request('GET', path)).body).toMatchObject({ note: 'Two' });
  });

  it('applies an Idempotency-Key once, and answers a repeat with the current record', async () => {
    const headers = { 'Idempotency-Key': newId() };
    const body = { note: 'Once' };
    const first = await fixture.request('POST', '/api/visits', { body, headers });
    const key = asText(asObject(first.body)['id']);
    await fixture.request('PATCH', `/api/visits/${key}`, { body: { note: 'Edited since' } });
    const again = await fixture.request('POST', '/api/visits', { body, headers });
    expect(again.status).toBe(201);
    expect(again.body).toMatchObject({ id: key, note: 'Edited since' });
    const other = await fixture.request('PATCH', '/api/products/1', { body: { Stock: 5 }, headers });
    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({ code: 'request-changed' });
  });

  it('says which fields are at fault', async () => {
    const body = { note: '  ', rating: 6, date: 'tomorrow', colour: 'red' };
    const unknown = await fixture.request('POST', '/api/visits', { body });
    expect(unknown.status).toBe(422);
    expect(unknown.body).toMatchObject({ code: 'validation', errors: { colour: 'is not a field of visits' } });
    const { colour, ...known } = body;
    expect(colour).toBe('red');
    const invalid = await fixture.request('POST', '/api/visits', { body: known });
    expect(invalid.body).toMatchObject({
      code: 'validation',
      errors: { note: 'is required', rating: 'must be 5 or less', date: 'must be a date such as 2026-05-31' },
    });
  });

  it('tells a hook, a dangling reference and a referenced record apart', async () => {
    const hook = await fixture.request('POST', '/api/visits', { body: { note: 'no #reject please' } });
    expect([hook.status, asObject(hook.body)['code']]).toEqual([422, 'hook']);
    const dangling = await fixture.request('POST', '/api/visits', { body: { note: 'x', placeId: 'XX-1' } });
    expect([dangling.status, asObject(dangling.body)['code']]).toEqual([422, 'dangling']);
    const used = await fixture.request('DELETE', '/api/products/8');
    expect([used.status, asObject(used.body)['code']]).toEqual([409, 'referenced']);
  });

  it('closes a visit once, and hands one over', async () => {
    const key = newId();
    await fixture.request('PUT', `/api/visits/${key}`, { body: { note: 'To close' } });
    const headers = { 'Idempotency-Key': newId() };
    const closed = await fixture.request('POST', `/api/visits/${key}/close`, { headers });
    expect(closed.status).toBe(200);
    expect(closed.body).toMatchObject({ status: 'closed' });
    const again = await fixture.request('POST', `/api/visits/${key}/close`, { headers });
    expect(again.body).toEqual(closed.body);
    expect((await fixture.request('POST', `/api/visits/${newId()}/close`)).status).toBe(404);
    const nobody = await fixture.request('POST', `/api/visits/${key}/hand-over`, { body: { to: 'eve' } });
    expect(nobody.status).toBe(422);
    expect((await fixture.request('POST', `/api/visits/${key}/hand-over`, { body: { to: 'ben' } })).status).toBe(204);
    expect((await fixture.request('GET', `/api/visits/${key}`)).status).toBe(404);
    expect((await fixture.request('GET', `/api/visits/${key}`, { user: 'ben' })).status).toBe(200);
    expect((await fixture.request('PATCH', `/api/visits/${key}`, { body: { note: 'Mine' } })).status).toBe(403);
  });

  it('keeps each user’s preferences apart under the same key', async () => {
    await fixture.request('PUT', '/api/preferences/theme', { body: { value: 'dark' } });
    await fixture.request('PUT', '/api/preferences/theme', { user: 'ben', body: { value: { hue: 3 } } });
    expect((await fixture.request('GET', '/api/preferences/theme')).body).toMatchObject({ value: 'dark' });
    const bens = await fixture.request('GET', '/api/preferences/theme', { user: 'ben' });
    expect(bens.body).toMatchObject({ value: { hue: 3 } });
  });

  it('answers what is wrong with a request by a problem', async () => {
    const cases: [string, string, RequestInit, number, string][] = [
      ['GET', '/api/unknown', {}, 404, 'unknown-table'],
      ['GET', '/api/products/abc', {}, 404, 'not-found'],
      ['GET', '/api/products?limit=x', {}, 400, 'invalid-request'],
      ['POST', '/api/visits', { body: '{"note":' }, 400, 'invalid-body'],
      ['POST', '/api/visits', { body: '[1]' }, 400, 'invalid-body'],
      ['POST', '/api/visits/1/explode', {}, 404, 'not-found'],
      ['GET', '/sync/nothing', {}, 404, 'not-found'],
      ['GET', '/api/products', { headers: { 'Sync-Protocol': '7' } }, 400, 'protocol-version'],
    ];
    for (const [method, path, init, status, code] of cases) {
      const response = await fixture.fetch(path, { method, ...init });
      expect(response.headers.get('Content-Type')).toBe('application/problem+json');
      expect([path, response.status, await response.json()]).toMatchObject([path, status, { status, code }]);
    }
  });
});
