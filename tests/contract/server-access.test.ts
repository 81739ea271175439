import { expect, it } from 'vitest';
import { arrayOf, asObject, create, newId, onBothDatabases, visit, asText } from './server-fixture.ts';

onBothDatabases('Access', (fixture) => {
  it('answers 401 without credentials and for unknown ones', async () => {
    for (const path of ['/api/products', '/api/visits/ana-visit-1', '/sync/failures', '/sync/live']) {
      const answer = await fixture.request('GET', path, { user: null });
      expect(answer).toMatchObject({ status: 401, body: { code: 'auth-required', status: 401 } });
      const wrong = await fixture.request('GET', path, { user: null, headers: { Authorization: 'Bearer eve-demo' } });
      expect(wrong.status).toBe(401);
    }
    for (const path of ['/sync/upload', '/sync/download', '/sync/settle', '/sync/read']) {
      expect((await fixture.request('POST', path, { user: null, body: { protocol: 1 } })).status).toBe(401);
    }
  });

  it('O7 shows and gives each user only what is theirs', async () => {
    const own = async (user: 'ana' | 'ben', path: string) =>
      arrayOf((await fixture.request('GET', path, { user })).body).map((record) => asText(asObject(record)['id']));
    expect(await own('ana', '/api/visits')).toEqual(['ana-visit-1', 'ana-visit-2', 'ana-visit-3']);
    expect(await own('ben', '/api/visits')).toEqual(['ben-visit-1', 'ben-visit-2']);
    expect((await own('ben', '/api/lines')).every((id) => id.startsWith('ben-'))).toBe(true);
    expect((await fixture.request('GET', '/api/visits/ben-visit-1')).status).toBe(404);
    expect((await fixture.request('PATCH', '/api/visits/ben-visit-1', { body: { note: 'x' } })).status).toBe(403);
    const line = { id: newId(), visitId: 'ben-visit-1', productCode: 1, quantity: 1, price: 1 };
    expect((await fixture.upload([create('lines', line)]))[0]).toMatchObject({ type: 'forbidden' });
    const downloaded = await fixture.downloadTable('lines', { user: 'ben' });
    expect(downloaded.records.every((record) => asText(record['id']).startsWith('ben-'))).toBe(true);
    expect(downloaded.count).toBe(downloaded.records.length);
  });

  it('signs in with a cookie that no script can read, which counts where no bearer is sent', async () => {
    const signIn = await fixture.request('POST', '/auth/sign-in', { user: null, body: { user: 'ben' } });
    expect(signIn.body).toEqual({ user: 'ben', token: 'ben-demo' });
    const cookie = signIn.headers.get('Set-Cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Lax/);
    const headers = { Cookie: cookie.split(';', 1)[0] ?? '' };
    expect((await fixture.request('GET', '/auth/session', { user: null })).body).toEqual({ user: null });
    expect((await fixture.request('GET', '/auth/session', { user: null, headers })).body).toEqual({ user: 'ben' });
    expect((await fixture.request('GET', '/auth/session', { user: 'ana', headers })).body).toEqual({ user: 'ana' });
    const signOut = await fixture.request('POST', '/auth/sign-out', { user: null, headers });
    expect(signOut.status).toBe(204);
    expect(signOut.headers.get('Set-Cookie')).toMatch(/Max-Age=0/);
    const nobody = await fixture.request('POST', '/auth/sign-in', { user: null, body: { user: 'eve' } });
    expect(nobody.status).toBe(403);
  });

  it('refuses credentials of another user than the expected one before it applies anything', async () => {
    const record = visit();
    const headers = { 'Sync-Expect-User': 'ana' };
    const body = {
      protocol: 1,
      schema: 1,
      device: 'd',
      run: 'r',
      onConflict: {},
      changes: [create('visits', record)],
    };
    const refused = await fixture.request('POST', '/sync/upload', { user: 'ben', headers, body });
    expect(refused).toMatchObject({ status: 409, body: { code: 'user-mismatch' } });
    expect((await fixture.request('GET', '/api/visits?limit=1', { user: 'ben', headers })).status).toBe(409);
    expect((await fixture.request('GET', `/api/visits/${asText(record['id'])}`, { user: 'ben' })).status).toBe(404);
    const broken = { 'Sync-Expect-User': '%E0%A4%A' };
    expect((await fixture.request('GET', '/api/visits', { headers: broken })).status).toBe(409);
    expect((await fixture.request('POST', '/sync/upload', { user: 'ana', headers, body })).status).toBe(200);
  });

  it('A-05 tells whoever asks that it can be reached, and as whom', async () => {
    for (const method of ['HEAD', 'GET']) {
      const known = await fixture.request(method, '/sync/ping');
      expect(known.status).toBe(204);
      expect(known.headers.get('Sync-User')).toBe('ana');
      expect(known.headers.get('Sync-Protocol')).toBe('1');
      const unknown = await fixture.request(method, '/sync/ping', { user: null });
      expect(unknown.status).toBe(204);
      expect(unknown.headers.get('Sync-User')).toBeNull();
    }
  });

  it('tells live listeners what changed, and only those who read it', async () => {
    const readers = await Promise.all(
      (['ana', 'ben'] as const).map(async (user) => {
        const response = await fixture.fetch('/sync/live', { user });
        expect(response.headers.get('Content-Type')).toBe('text/event-stream');
        const reader = response.body?.getReader();
        if (reader === undefined) throw new Error('There is no stream.');
        let heard = '';
        const until = async (part: string): Promise<string> => {
          while (!heard.includes(part)) {
            const { value, done } = await reader.read();
            if (done) throw new Error(`The stream ended without ${part}.`);
            heard += new TextDecoder().decode(value);
          }
          return heard;
        };
        await until(': connected');
        return { until, cancel: () => reader.cancel() };
      }),
    );
    const [ana, ben] = readers;
    await fixture.upload([create('visits', visit())]);
    expect(await ana?.until('event: changed')).toContain('"visits"');
    await fixture.request('PATCH', '/api/products/1', { body: { Stock: 42 } });
    expect(await ana?.until('"products"')).toContain('"products"');
    expect(await ben?.until('"products"')).not.toContain('"visits"');
    await Promise.all(readers.map((reader) => reader.cancel()));
  });
});
