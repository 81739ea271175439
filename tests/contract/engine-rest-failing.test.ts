import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { see } from './engine-fixture.ts';
import { valueOf } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { openPlain, runOnce } from './plain-rest.ts';
import { asObject, Fixture } from './server-fixture.ts';

const failing = (): Response => Response.json({}, { status: 500 });

describe('A plain REST server that fails at changes', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  it('keeps neither the others nor the download back, however many there are (R-15, invariant 9)', async () => {
    const opened = await openPlain(fixture, { concurrency: 1 });
    const { server, session } = opened;
    const bad = Array.from({ length: 8 }, (_, index) => `/api/visits/bad-${index}`);
    for (const path of [...bad, '/api/visits/good']) server.put(path, { id: path.slice(12), note: 'old' });
    await runOnce(opened);
    for (const path of [...bad, '/api/visits/good']) await ask(session, 'PATCH', path, { note: 'new' });
    server.put('/api/visits/other', { id: 'other', note: 'of another' });
    server.instead = ({ method, path }) => (method === 'PATCH' && path.includes('bad') ? failing() : null);
    for (let runs = 0; runs < 2; runs += 1) expect(await runOnce(opened)).toBe('failed');
    expect((await see(session, 'visits', 'other')).record).toMatchObject({ note: 'of another' });
    expect(await see(session, 'visits', 'good')).toMatchObject({ detail: 'clean', record: { note: 'new' } });
    server.instead = () => null;
    expect(await runOnce(opened)).toBe('finished');
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it('is asked once a run for an edit with a command behind it (U-12)', async () => {
    const opened = await openPlain(fixture);
    const { server, session } = opened;
    server.put('/api/visits/v1', { id: 'v1', note: 'old' });
    await runOnce(opened);
    await ask(session, 'PATCH', '/api/visits/v1', { note: 'new' });
    await ask(session, 'POST', '/api/visits/v1/close', {});
    server.instead = ({ method }) => (method === 'PATCH' ? failing() : null);
    expect(await runOnce(opened)).toBe('failed');
    expect(server.said()).toEqual(['PATCH /api/visits/v1 {"note":"new"}']);
  });

  it('and then at another for a while gets no child of the first by a temporary key (N-2)', async () => {
    const opened = await openPlain(fixture, { concurrency: 1 });
    const { server, session } = opened;
    const parent = await ask(session, 'POST', '/api/tasks', { title: 'bad', afterId: null });
    await ask(session, 'POST', '/api/tasks', { title: 'busy', afterId: null });
    await ask(session, 'POST', '/api/tasks', { title: 'child', afterId: asObject(parent.body)['id'] ?? null });
    let busy = true;
    server.instead = ({ body }) => {
      if (body['title'] === 'bad') return failing();
      return body['title'] === 'busy' && busy ? Response.json({}, { status: 503 }) : null;
    };
    expect(await runOnce(opened, 'unsynchronized')).toBe('failed');
    busy = false;
    expect(await runOnce(opened, 'unsynchronized')).toBe('failed');
    server.instead = () => null;
    expect(await runOnce(opened, 'unsynchronized')).toBe('finished');
    expect(server.sent.filter(({ body }) => Number(body['afterId'] ?? 0) < 0)).toEqual([]);
    expect(server.said().filter((each) => each.includes('child'))).toHaveLength(1);
  });
});
