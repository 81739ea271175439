import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { Json } from '../../sw/protocol/record.ts';
import { see } from './engine-fixture.ts';
import { valueOf } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { openPlain, runOnce, type PlainOpened } from './plain-rest.ts';
import { asObject, Fixture } from './server-fixture.ts';

function keyOf({ body }: { readonly body: Json }): number {
  return Number(asObject(body)['id']);
}

/** The first write's answer is lost, after it was applied. */
function loseFirstAnswer({ device, server }: PlainOpened): void {
  const forward = device.network;
  device.network = async (...request) => {
    const before = server.sent.length;
    const answer = await forward(...request);
    if (before > 0 || server.sent.length === 0) return answer;
    throw new TypeError('connection closed');
  };
}

describe('A write to a plain REST server whose answer was lost', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  it('is sent again with the same body, under the same key (A-R2)', async () => {
    const opened = await openPlain(fixture);
    const { server, session } = opened;
    const path = '/api/visits/v1';
    server.put(path, { id: 'v1', place: { x: 1, y: 1 } });
    await runOnce(opened);
    await ask(session, 'PATCH', path, { place: { x: 2, y: null } });
    // As a server does that merges by RFC 7396.
    server.instead = ({ method }) => (method === 'PATCH' ? server.put(path, { id: 'v1', place: { x: 2 } }) : null);
    loseFirstAnswer(opened);
    expect(await runOnce(opened, 'unsynchronized')).toBe('failed');
    server.put(path, { id: 'v1', place: { x: 2, z: 'of another' } });
    expect(await runOnce(opened, 'unsynchronized')).toBe('finished');
    const sent = 'PATCH /api/visits/v1 {"place":{"x":2,"y":null}}';
    expect(server.said()).toEqual([sent, sent]);
  });

  it('has not arrived by the user’s word while something refers to it by its temporary key (N-8)', async () => {
    const opened = await openPlain(fixture, { idempotency: 'none' });
    const { server, session, page } = opened;
    const parent = keyOf(await ask(session, 'POST', '/api/tasks', { title: 'parent', afterId: null }));
    const child = keyOf(await ask(session, 'POST', '/api/tasks', { title: 'child', afterId: parent }));
    loseFirstAnswer(opened);
    await runOnce(opened, 'unsynchronized');
    const [failure] = await valueOf(page.failures({}));
    expect(await page.arrived(failure?.id ?? '')).toMatchObject({ ok: false, error: { code: 'unsupported' } });
    await runOnce(opened);
    expect(server.sent).toHaveLength(1);
    await ask(session, 'PATCH', `/api/tasks/${child}`, { afterId: 101 });
    expect(await valueOf(page.arrived(failure?.id ?? ''))).toBe(true);
    await runOnce(opened);
    expect(server.said()[1]).toBe('POST /api/tasks {"title":"child","afterId":101}');
    expect(await see(session, 'tasks', 101)).toMatchObject({ record: { title: 'parent' } });
    expect(await valueOf(page.failures({}))).toEqual([]);
  });

  it('is known to be one by the next worker too, where another of the batch was refused (A-R2, U-03)', async () => {
    const options = { idempotency: 'client-keys', concurrency: 3 } as const;
    const tables = { visits: { path: '/api/visits', key: 'id', conflict: 'merge' } } as const;
    const opened = await openPlain(fixture, { ...options, tables });
    const { device, server, session } = opened;
    const [refused, made] = [randomUUID(), randomUUID()];
    for (const id of [refused, made]) await ask(session, 'PUT', `/api/visits/${id}`, { id, note: 'mine' });
    const forward = device.network;
    device.network = async (path, ...request) => {
      if (path.endsWith(refused)) return Response.json({}, { status: 422 });
      await forward(path, ...request);
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new TypeError('connection closed');
    };
    expect(await runOnce(opened, 'unsynchronized')).toBe('failed');
    opened.worker.kill();
    // What a hook of the server's, or somebody else, has made of it.
    server.put(`/api/visits/${made}`, { id: made, note: 'theirs' });
    device.network = (path, next, headers, method, body) =>
      method === 'PUT' && server.records.has(path)
        ? Promise.resolve(Response.json({}, { status: 412 }))
        : forward(path, next, headers, method, body);
    const worker = device.startWorker({ backend: restBackend(options) });
    const again = { ...opened, worker, session: await worker.signIn('ana') };
    expect(await runOnce(again, 'unsynchronized')).toBe('finished');
    expect(server.records.get(`/api/visits/${made}`)?.record).toMatchObject({ note: 'theirs' });
    expect(server.said().filter((each) => each.startsWith('PATCH'))).toEqual([]);
  });
});
