import { randomUUID } from 'node:crypto';
import { openDB } from 'idb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SyncError } from '../../sw/protocol/errors.ts';
import { takeCommand } from '../../sw/router/command-route.ts';
import { parseCommand } from '../../sw/router/match.ts';
import { writeFile, writeForm } from '../../sw/router/file-route.ts';
import type { WriteAnswer } from '../../sw/router/commit-write.ts';
import { writeOne } from '../../sw/router/write-route.ts';
import type { Table } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { createWorkerMethods } from '../../sw/sync/worker-methods.ts';
import { Device } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const visit = { id: 'mine', date: '2026-03-01', note: 'a note' };

function request(method: string, path: string, headers: Record<string, string> = {}): Request {
  return new Request(`https://app.test${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(method === 'DELETE' ? {} : { body: JSON.stringify(visit) }),
  });
}

function photoForm(): Request {
  const form = new FormData();
  form.set('record', JSON.stringify({ id: 'photo' }));
  form.set('content', new Blob(['picture'], { type: 'image/png' }));
  return new Request('https://app.test/api/photos', { method: 'POST', body: form });
}

function tableOf(session: OpenSession, name: string): Table {
  const table = session.schema.tables.get(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

/** Every way in which a page's fetch writes, by what it is. */
function writes(session: OpenSession): Readonly<Record<string, () => Promise<WriteAnswer>>> {
  const [visits, photos] = [tableOf(session, 'visits'), tableOf(session, 'photos')];
  const context = { session, client: 'page' };
  const close = parseCommand({ method: 'POST', path: '/api/visits/:id/close' });
  return {
    create: () => writeOne(context, visits, null, request('POST', '/api/visits')),
    draft: () => writeOne(context, visits, null, request('POST', '/api/visits', { 'Sync-Draft': 'true' })),
    replace: () => writeOne(context, visits, 'mine', request('PUT', '/api/visits/mine')),
    patch: () => writeOne(context, visits, 'mine', request('PATCH', '/api/visits/mine')),
    delete: () => writeOne(context, visits, 'mine', request('DELETE', '/api/visits/mine')),
    file: () => writeFile(context, photos, 'photo', request('PUT', '/api/photos/photo/content')),
    form: () => writeForm(context, photos, photoForm()),
    command: () => takeCommand(context, close, request('POST', '/api/visits/mine/close')),
  };
}

/** The status of a write's answer, or the code of its refusal. */
async function outcomeOf(write: (() => Promise<WriteAnswer>) | undefined): Promise<unknown> {
  try {
    return (await write?.())?.response.status;
  } catch (error) {
    return error instanceof SyncError ? error.code : error;
  }
}

describe('with nobody signed in', () => {
  it('every write is refused, and nothing of it is stored (G-9)', async () => {
    const worker = new Device(fixture).startWorker();
    const session = await worker.sessions.forClient('page');
    for (const [name, write] of Object.entries(writes(session))) {
      expect([name, await outcomeOf(write)]).toEqual([name, 'auth-required']);
    }
    const page = createWorkerMethods(worker.sessions.boundTo('page'), session.schema, () => randomUUID());
    const calls = [
      page.draft('visits', visit),
      page.commit('visits', 'mine'),
      page.setStatus('visits', 1, 'note IS NULL', {}),
      page.setScope('visits', 'nothing-clear'),
      page.retry('any'),
      page.resolve('any', null),
      page.importUnsent('{}'),
    ];
    const message = 'Nobody is signed in. Call signIn({ user }) first. Nothing was stored.';
    for (const answer of await Promise.all(calls)) {
      expect(answer).toMatchObject({ ok: false, error: { code: 'auth-required', message } });
    }
    const database = await openDB(session.database.name);
    for (const store of ['changes', 'commands', 'drafts', 'files', 'contents', 'marks', 'requests']) {
      expect([store, await database.count(store)]).toEqual([store, 0]);
    }
    database.close();
  });

  it('a page signs in and writes: it was nobody’s before', async () => {
    const worker = new Device(fixture).startWorker();
    const nobody = await worker.sessions.forClient('page');
    expect(await outcomeOf(writes(nobody)['create'])).toBe('auth-required');
    const [, session] = await Promise.all([worker.signIn('ana'), worker.sessions.forClient('page')]);
    expect(session.user).toBe('ana');
    expect(await outcomeOf(writes(session)['create'])).toBe(201);
  });

  it('a backend that needs no user takes what is written', async () => {
    const session = await new Device(fixture).startWorker().sessions.current();
    const open = { ...session, backend: { ...session.backend, needsUser: false } };
    expect(await outcomeOf(writes(open)['create'])).toBe(201);
  });
});
