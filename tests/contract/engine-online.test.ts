import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerMethods } from '../../sw/protocol/api.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, type Worker, type WorkerOptions } from './engine-fixture.ts';
import { pageOf, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const visits: TableOptions = { path: '/api/visits', key: 'id' };
const online: WorkerOptions = { schema: { version: 2, tables: { visits: { ...visits, scope: 'online' } } } };

interface Opened {
  readonly session: OpenSession;
  readonly page: WorkerMethods;
  /** What went to the server as it came, by method. */
  readonly passed: string[];
}

/** Requests that pass by go to the server whole, as a browser's do. */
async function open(worker: Worker): Promise<Opened> {
  const session = await worker.signIn('ana');
  const passed: string[] = [];
  const passOn = async (input: string | Request): Promise<Response> => {
    if (typeof input === 'string') throw new TypeError('no request');
    const { method, url } = input;
    const { pathname, search } = new URL(url);
    passed.push(method);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: await input.text() };
    return fixture.fetch(pathname + search, { method, headers: { 'Content-Type': type }, ...body });
  };
  return {
    session: { ...session, environment: { ...session.environment, fetch: passOn } },
    page: pageOf(worker, session),
    passed,
  };
}

/** A device with one record that is here and there, and edited here. */
async function withEdit(id: string): Promise<{ device: Device; worker: Worker; opened: Opened }> {
  const device = new Device(fixture, { visits });
  const worker = device.startWorker();
  const opened = await open(worker);
  await ask(opened.session, 'PUT', `/api/visits/${id}`, visit(id));
  await opened.session.engine.synchronize('one', {});
  await ask(opened.session, 'PATCH', `/api/visits/${id}`, { note: 'older' });
  return { device, worker, opened };
}

async function noteOnServer(id: string): Promise<unknown> {
  const { body } = await fixture.request('GET', `/api/visits/${id}`);
  return body;
}

describe('What was written before a table became `online` (Q-6)', () => {
  it.each(['setScope', 'a new version'])('lies over reads, and later writes go behind it, after %s', async (how) => {
    const id = randomUUID();
    const { device, worker, opened } = await withEdit(id);
    let current = opened;
    if (how === 'setScope') await valueOf(opened.page.setScope('visits', 'online'));
    else {
      worker.kill();
      current = await open(device.startWorker(online));
    }
    const { session, passed } = current;
    expect((await ask(session, 'GET', `/api/visits/${id}`)).record).toMatchObject({ note: 'older' });
    const list = await ask(session, 'GET', '/api/visits');
    expect(list.text).toContain('"older"');
    expect(list.headers.get('Sync-Source')).toBe('network');
    expect((await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'newer' })).status).toBe(200);
    expect(passed).toEqual(['GET']);
    await session.engine.synchronize('two', {});
    expect(await noteOnServer(id)).toMatchObject({ note: 'newer' });
  });

  it('keeps no other record of the table here, nor that one once it was sent', async () => {
    const [id, other] = [randomUUID(), randomUUID()];
    const { opened } = await withEdit(id);
    const { session, page, passed } = opened;
    await valueOf(page.setScope('visits', 'online'));
    expect((await ask(session, 'PUT', `/api/visits/${other}`, visit(other))).status).toBeLessThan(300);
    expect((await see(session, 'visits', other)).record).toBeNull();
    await session.engine.synchronize('two', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'straight' });
    expect((await ask(session, 'GET', `/api/visits/${id}`)).record).toMatchObject({ note: 'straight' });
    expect(passed).toEqual(['PUT', 'PATCH', 'GET']);
  });

  it('keeps a POST under the key of an unsent record from the server', async () => {
    const device = new Device(fixture, { visits });
    const { session, page, passed } = await open(device.startWorker());
    const [id, other] = [randomUUID(), randomUUID()];
    await ask(session, 'POST', '/api/visits', visit(id));
    await valueOf(page.setScope('visits', 'online'));
    expect((await ask(session, 'POST', '/api/visits', visit(id))).status).toBe(409);
    expect((await ask(session, 'POST', '/api/visits', visit(other))).status).toBe(201);
    expect(passed).toEqual(['POST']);
    await session.engine.synchronize('one', {});
    expect((await fixture.request('GET', `/api/visits/${id}`)).status).toBe(200);
  });

  it('sends a mark that was set by hand with what is written later, not over it (K-S3)', async () => {
    const id = randomUUID();
    const { opened } = await withEdit(id);
    const { session, page } = opened;
    await session.engine.synchronize('two', {});
    await valueOf(page.setStatus('visits', 1, `id = "${id}"`, {}));
    await valueOf(page.setScope('visits', 'online'));
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'newer' });
    await session.engine.synchronize('three', {});
    expect(await noteOnServer(id)).toMatchObject({ note: 'newer' });
  });

  it('has no drafts: a write with `Sync-Draft` is refused, and sent to nobody', async () => {
    const { session, passed } = await open(new Device(fixture).startWorker(online));
    const id = randomUUID();
    const answer = await ask(session, 'PUT', `/api/visits/${id}`, visit(id), { 'Sync-Draft': 'true' });
    expect(answer.record).toMatchObject({ code: 'unsupported' });
    expect(passed).toEqual([]);
  });
});
