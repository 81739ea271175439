import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../sw/protocol/record.ts';
import { see } from './engine-fixture.ts';
import { valueOf } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { openPlain, runOnce } from './plain-rest.ts';
import { json } from './rest-fixture.ts';
import { asObject, Fixture } from './server-fixture.ts';

function keyOf({ body }: { readonly body: Json }): number {
  return Number(asObject(body)['id']);
}

describe('What a plain REST server does not take', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  it('keeps no download back, however often it fails (invariant 9)', async () => {
    const opened = await openPlain(fixture);
    const { server, session } = opened;
    const paths = Array.from({ length: 7 }, (_, index) => `/api/visits/v${index}`);
    for (const path of paths) server.put(path, { id: path.slice(-2), note: 'a' });
    await runOnce(opened);
    for (const path of paths) await ask(session, 'PATCH', path, { note: 'bad' });
    server.put('/api/visits/other', { id: 'other', note: 'of another' });
    server.instead = ({ body }) => (body['note'] === 'bad' ? json({}, 500) : null);
    expect(await runOnce(opened)).toBe('failed');
    expect(await see(session, 'visits', 'other')).toMatchObject({ record: { note: 'of another' } });
    expect(await see(session, 'visits', 'v6')).toMatchObject({ detail: 'pending', record: { note: 'bad' } });
  });

  it('has what refers to it wait for it, and go when it is mended (U-07)', async () => {
    const opened = await openPlain(fixture);
    const { server, session } = opened;
    const parent = keyOf(await ask(session, 'POST', '/api/tasks', { title: '', afterId: null }));
    const child = keyOf(await ask(session, 'POST', '/api/tasks', { title: 'child', afterId: parent }));
    server.instead = ({ body }) => (body['title'] === '' ? json({ errors: { title: 'is required' } }, 422) : null);
    await runOnce(opened, 'unsynchronized');
    expect(server.said()).toEqual(['POST /api/tasks {"title":"","afterId":null}']);
    expect((await see(session, 'tasks', child)).detail).toBe('blocked');
    await ask(session, 'PATCH', `/api/tasks/${parent}`, { title: 'parent' });
    expect(await runOnce(opened, 'unsynchronized')).toBe('finished');
    expect(server.said().slice(1)).toEqual([
      'POST /api/tasks {"title":"parent","afterId":null}',
      'POST /api/tasks {"title":"child","afterId":101}',
    ]);
  });

  it('has what refers to a record whose key it does not tell be the user’s to mend', async () => {
    const opened = await openPlain(fixture);
    const { server, session, page } = opened;
    const parent = keyOf(await ask(session, 'POST', '/api/tasks', { title: 'parent', afterId: null }));
    const child = keyOf(await ask(session, 'POST', '/api/tasks', { title: 'child', afterId: parent }));
    server.instead = ({ method, body }) => {
      if (method !== 'POST' || body['title'] !== 'parent') return null;
      server.put('/api/tasks/7', { ...body, id: 7 });
      return new Response(null, { status: 201 });
    };
    await runOnce(opened);
    expect(await valueOf(page.failures({}))).toMatchObject([{ code: 'dangling', key: child }]);
    expect(await see(session, 'tasks', 7)).toMatchObject({ record: { title: 'parent' } });
    await ask(session, 'PATCH', `/api/tasks/${child}`, { afterId: 7 });
    expect(await runOnce(opened)).toBe('finished');
    expect(server.said()).toEqual([
      'POST /api/tasks {"title":"parent","afterId":null}',
      'POST /api/tasks {"title":"child","afterId":7}',
    ]);
  });
});
