import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConflictPolicy, TableOptions } from '../../sw/store/schema.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { bytesOf, putFile, takePhoto } from './files-fixture.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const path = '/api/visits';

describe('what the server does not take as it is', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  async function run({ session }: Opened): Promise<string> {
    return (await session.engine.synchronize(randomUUID(), { mode: 'all', onPartial: 'return' })).outcome;
  }

  async function onServer(): Promise<string> {
    const id = randomUUID();
    await fixture.request('POST', path, { body: visit(id) });
    return id;
  }

  function openWith(options: Partial<TableOptions>): Promise<Opened> {
    return openDevice(fixture, { visits: { path, key: 'id', ...options } });
  }

  it.each([
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
      /failed \(Error: a bug\)/,
    ],
    ['gives nothing', () => undefined, /neither this record/],
    ['gives null', () => null, /neither this record/],
    ['gives a promise', () => Promise.resolve('server'), /neither this record/],
    ['gives another record', () => ({ id: 'another' }), /neither this record/],
  ])('is the user’s to decide where the app’s conflict function %s (U-05)', async (_name, conflict, why) => {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what an app without types may give
    const opened = await openWith({ conflict: conflict as ConflictPolicy });
    const [id, other] = [await onServer(), randomUUID()];
    expect(await run(opened)).toBe('finished');
    await ask(opened.session, 'PATCH', `${path}/${id}`, { note: 'mine' });
    await fixture.request('PATCH', `${path}/${id}`, { body: { note: 'theirs' } });
    await ask(opened.session, 'PUT', `${path}/${other}`, visit(other));
    expect(await run(opened)).toBe('partial');
    expect((await fixture.request('GET', `${path}/${other}`)).status).toBe(200);
    const { record, detail } = await see(opened.session, 'visits', id);
    expect([detail, record]).toMatchObject(['conflict', { note: 'mine' }]);
    const [failure] = await valueOf(opened.page.failures({}));
    expect(failure).toMatchObject({ key: id, code: 'conflict' });
    expect(failure?.message).toMatch(why);
    await valueOf(opened.page.resolve(failure?.id ?? '', { ...visit(id), note: 'both' }));
    expect(await run(opened)).toBe('finished');
    expect((await fixture.request('GET', `${path}/${id}`)).body).toMatchObject({ note: 'both' });
  });

  it('keeps its local columns where a delete is not taken and the server’s copy comes back (C-04)', async () => {
    const columns = { id: 'string', mine: { type: 'string', local: true } } as const;
    const opened = await openWith({ conflict: 'server-wins', columns });
    const id = await onServer();
    await run(opened);
    await ask(opened.session, 'PATCH', `${path}/${id}`, { mine: 'only here' });
    await run(opened);
    await fixture.request('PATCH', `${path}/${id}`, { body: { note: 'theirs' } });
    await ask(opened.session, 'DELETE', `${path}/${id}`);
    await run(opened);
    expect((await see(opened.session, 'visits', id)).record).toMatchObject({ note: 'theirs', mine: 'only here' });
  });

  it('comes back with the next download where the record may be read and not written (O4)', async () => {
    const opened = await openWith({});
    const id = await onServer();
    await run(opened);
    await ask(opened.session, 'PATCH', `${path}/${id}`, { note: 'mine' });
    opened.device.network = async (at, forward, _headers, _method, body) => {
      if (at !== '/sync/upload') return forward();
      const upload = asObject(asJson(String(body)));
      const like = await fixture.request('POST', at, { body: { ...upload, changes: [] } });
      const outcomes = arrayOf(upload['changes']).map((change) => ({
        ...{ type: 'forbidden', mutationId: asObject(change)['mutationId'] ?? null, message: 'Read only.' },
      }));
      return new Response(JSON.stringify({ ...asObject(like.body), outcomes }), { headers: like.headers });
    };
    expect(await run(opened)).toBe('partial');
    expect((await see(opened.session, 'visits', id)).record).toMatchObject({ id, note: visit(id)['note'] ?? null });
    expect(await valueOf(opened.page.failures({}))).toMatchObject([{ code: 'forbidden', content: { note: 'mine' } }]);
  });

  it('since its file is too large is sent with the one that the user puts in its place, also under a command (X-02)', async () => {
    const opened = await openDevice(fixture);
    const [parent, photo] = [await onServer(), randomUUID()];
    await run(opened);
    await takePhoto(opened.session, parent, photo, bytesOf(5_000, 1));
    await ask(opened.session, 'POST', `${path}/${parent}/close`, {});
    await ask(opened.session, 'PATCH', `/api/photos/${photo}`, { caption: 'behind the command' });
    opened.device.network = (at, forward, _headers, method, body) =>
      at.startsWith('/sync/files/') && method === 'PUT' && body instanceof ArrayBuffer && body.byteLength === 5_000
        ? Promise.resolve(
            new Response('{"code":"too-large"}', {
              status: 413,
              headers: { 'Content-Type': 'application/problem+json' },
            }),
          )
        : forward();
    await run(opened);
    await putFile(opened.session, photo, bytesOf(100, 2));
    await run(opened);
    expect((await fixture.request('GET', `/api/photos/${photo}`)).body).toMatchObject({
      caption: 'behind the command',
    });
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });
});
