import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reply } from '../../sw/protocol/api.ts';
import { readMany, readOne } from '../../sw/router/read-route.ts';
import { writeOne } from '../../sw/router/write-route.ts';
import type { Table } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { readState } from '../../sw/sync/state.ts';
import { createWorkerMethods, type SessionMethods } from '../../sw/sync/worker-methods.ts';
import { Device, see, write, type Worker } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

interface Page {
  readonly device: Device;
  readonly worker: Worker;
  readonly session: OpenSession;
  readonly page: SessionMethods;
}

async function openPage(device: Device = new Device(fixture)): Promise<Page> {
  const worker = device.startWorker();
  const session = await worker.signIn('ana');
  const page = createWorkerMethods(worker.sessions, session.schema, () => randomUUID());
  return { device, worker, session, page };
}

function tableOf(session: OpenSession, name: string): Table {
  const table = session.schema.tables.get(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

function value<T>(answer: Reply<T>): T {
  if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer.value;
}

/** What the worker answers to a page's `fetch` of a visit or of the list. */
async function ask(
  session: OpenSession,
  method: string,
  key: string | null,
  body: object | null,
  query = '',
): Promise<Response> {
  const table = tableOf(session, 'visits');
  const request = new Request(`https://app.test/api/visits${key === null ? '' : `/${key}`}${query}`, {
    method,
    headers: { 'Sync-Draft': 'true', ...(body === null ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  if (method === 'GET') return key === null ? readMany(session, table, request) : readOne(session, table, key, request);
  const context = { session, client: 'page' };
  return (await writeOne(context, table, key, request)).response;
}

function visit(id: string, more: Record<string, string | number> = {}): Record<string, string | number> {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

async function onServer(id: string): Promise<unknown> {
  const answer = await fixture.fetch(`/api/visits/${id}`);
  return answer.status === 404 ? null : answer.json();
}

describe('a draft', () => {
  it('outlives the worker, is sent by no mode, and shows only where it is asked for', async () => {
    const { device, worker, session, page } = await openPage();
    const draft = value(await page.draft('visits', { note: 'unfinished', date: '2026-03-02' }));
    expect(draft).toMatchObject({ table: 'visits', isNew: true, record: { note: 'unfinished' } });
    const key = String(draft.key);
    expect(value(await page.statusOf('visits', key))).toEqual({ status: 'not-synchronized', code: 1, detail: 'draft' });
    expect(value(await page.pending())).toMatchObject({ total: 0, sendable: 0, tables: { visits: { draft: 1 } } });
    await session.engine.synchronize('one', { mode: 'all' });
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await onServer(key)).toBeNull();
    expect((await see(session, 'visits', key)).record).toBeNull();
    worker.kill();
    const again = await openPage(device);
    expect(value(await again.page.drafts('visits'))).toMatchObject([{ key, record: { note: 'unfinished' } }]);
    const listed = await ask(again.session, 'GET', null, null, '?status=draft');
    expect(await listed.json()).toMatchObject([{ id: key }]);
    const all = await ask(again.session, 'GET', null, null, '?limit=500');
    expect(JSON.stringify(await all.json())).not.toContain(key);
  });

  it('becomes a change by commit, in one transaction, and is gone', async () => {
    const { session, page } = await openPage();
    const { key } = value(await page.draft('visits', visit(randomUUID(), { note: 'done now' })));
    expect(value(await page.commit('visits', key))).toMatchObject({ note: 'done now' });
    expect(value(await page.drafts('visits'))).toEqual([]);
    expect(await see(session, 'visits', key)).toMatchObject({ detail: 'pending', record: { note: 'done now' } });
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(await onServer(String(key))).toMatchObject({ note: 'done now' });
    expect(await page.commit('visits', key)).toMatchObject({ ok: false, error: { code: 'not-found' } });
  });

  it('over a record that is refreshed keeps the edits, on top of what came (S-10)', async () => {
    const { session, page } = await openPage();
    const other = await openPage();
    const id = randomUUID();
    await write(other.session, 'visits', id, visit(id, { rating: 1 }));
    await other.session.engine.synchronize('call', {});
    await session.engine.synchronize('call', {});
    const stored = (await see(session, 'visits', id)).record;
    await page.draft('visits', { ...stored, note: 'mine' });
    await write(other.session, 'visits', id, { ...(await see(other.session, 'visits', id)).record, rating: 5 });
    await other.session.engine.synchronize('call', {});
    await session.engine.synchronize('again', {});
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'a note', rating: 5 } });
    expect(value(await page.drafts('visits'))).toMatchObject([{ isNew: false, record: { note: 'mine', rating: 5 } }]);
    await page.commit('visits', id);
    await session.engine.synchronize('third', { mode: 'unsynchronized' });
    expect(await onServer(id)).toMatchObject({ note: 'mine', rating: 5 });
  });

  it('that is edited again after a refresh does not undo what came (S-10)', async () => {
    const { session, page } = await openPage();
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { rating: 1 }));
    await session.engine.synchronize('call', {});
    expect((await ask(session, 'PATCH', id, { note: 'first' })).status).toBe(200);
    await write(session, 'visits', id, { ...(await see(session, 'visits', id)).record, rating: 4 });
    await ask(session, 'PATCH', id, { note: 'second' });
    expect(value(await page.commit('visits', id))).toMatchObject({ note: 'second', rating: 4 });
  });

  it('touches no change of its record: that is sent as it was written', async () => {
    const { session, page } = await openPage();
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { note: 'committed' }));
    await page.draft('visits', visit(id, { note: 'not yet' }));
    expect(value(await page.statusOf('visits', id)).detail).toBe('pending');
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(await onServer(id)).toMatchObject({ note: 'committed' });
    expect(value(await page.drafts('visits'))).toMatchObject([{ record: { note: 'not yet' } }]);
    expect(value(await page.discardDraft('visits', id))).toBe(true);
    expect(value(await page.discardDraft('visits', id))).toBe(false);
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'committed' });
  });

  it('is kept where its commit is refused: the record went, or came, meanwhile', async () => {
    const { session, page } = await openPage();
    const [gone, taken] = [randomUUID(), randomUUID()];
    await write(session, 'visits', gone, visit(gone));
    await session.engine.synchronize('call', {});
    await page.draft('visits', visit(gone, { note: 'kept' }));
    await page.draft('visits', visit(taken, { note: 'kept too' }));
    await write(session, 'visits', gone, null);
    await write(session, 'visits', taken, visit(taken));
    expect(await page.commit('visits', gone)).toMatchObject({ ok: false, error: { code: 'not-found' } });
    expect(await page.commit('visits', taken)).toMatchObject({ ok: false, error: { code: 'exists' } });
    expect(value(await page.drafts('visits'))).toHaveLength(2);
    expect((await see(session, 'visits', taken)).record).toMatchObject({ note: 'a note' });
  });

  it('is made, read and given up by fetch with Sync-Draft', async () => {
    const { session } = await openPage();
    const made = await ask(session, 'POST', null, { date: '2026-03-01', note: 'by fetch' });
    expect(made.status).toBe(201);
    expect(made.headers.get('Sync-Status')).toBe('not-synchronized');
    expect(made.headers.get('Sync-Detail')).toBe('draft');
    const key = String((made.headers.get('Location') ?? '').split('/').at(-1));
    expect(await (await ask(session, 'GET', key, null)).json()).toMatchObject({ id: key, note: 'by fetch' });
    expect((await ask(session, 'PUT', key, visit(key, { note: 'again' }))).status).toBe(200);
    await expect(ask(session, 'POST', null, visit(key))).rejects.toMatchObject({ code: 'exists' });
    await expect(ask(session, 'PATCH', randomUUID(), { note: 'x' })).rejects.toMatchObject({ code: 'not-found' });
    expect((await ask(session, 'DELETE', key, null)).status).toBe(204);
    await expect(ask(session, 'DELETE', key, null)).rejects.toMatchObject({ code: 'not-found' });
    expect(await readState(session)).toMatchObject({ pending: 0 });
  });

  it('commits once, though two tabs ask for it at once', async () => {
    const { session, page } = await openPage();
    const { key } = value(await page.draft('visits', visit(randomUUID())));
    const answers = await Promise.all([page.commit('visits', key), page.commit('visits', key)]);
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    expect(await readState(session)).toMatchObject({ pending: 1 });
  });

  it('is refused, with nothing stored, for what is no record of a table', async () => {
    const { page } = await openPage();
    expect(await page.draft('nothing', {})).toMatchObject({ ok: false, error: { code: 'unknown-table' } });
    expect(await page.draft('visits', { id: 7 })).toMatchObject({ ok: false, error: { code: 'invalid-key' } });
    expect(await page.draft('visits', { note: Number.NaN })).toMatchObject({ error: { code: 'invalid-body' } });
    expect(await page.draft('products', { Name: 'none' })).toMatchObject({ error: { code: 'invalid-key' } });
    expect(value(await page.drafts('visits'))).toEqual([]);
  });
});
