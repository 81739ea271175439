import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import { losingUploads, openDevice, valueOf, type Opened } from './engine-page.ts';
import { ask, type PageAnswer } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

interface Twice extends Opened {
  readonly visitId: string;
  /** The key that the page gave, and the one that the server has given and this device does not know yet. */
  readonly old: number;
  readonly now: number;
}

function tasksOf(visitId: string): Promise<readonly Record<string, unknown>[]> {
  const query = 'select id, title, "afterId", done from tasks where "visitId" = $1 order by id';
  return fixture.server.database.query(query, [visitId]);
}

/** A device that has downloaded nothing made a task, and the answer to its upload was lost. */
async function withTwoKeys(fields: JsonObject = {}): Promise<Twice> {
  const opened = await openDevice(fixture);
  const { session, device } = opened;
  const visitId = randomUUID();
  await ask(session, 'PUT', `/api/visits/${visitId}`, { id: visitId, note: 'a visit' });
  const made = await ask(session, 'POST', '/api/tasks', { title: 'Call', visitId, ...fields });
  device.network = losingUploads(1);
  await expect(session.engine.synchronize('lost', { mode: 'unsynchronized' })).rejects.toMatchObject({
    code: 'network',
  });
  const [task] = await tasksOf(visitId);
  return { ...opened, visitId, old: Number(made.record['id']), now: Number(task?.['id']) };
}

function write({ session }: Twice, method: string, key: number, body?: JsonObject): Promise<PageAnswer> {
  return ask(session, method, `/api/tasks/${key}`, body);
}

function upload({ session }: Twice): Promise<unknown> {
  return session.engine.synchronize('answered', { mode: 'unsynchronized' });
}

describe('What is written under both keys of a record, while the answer to its create is out (N-3)', () => {
  it.each(['the page’s', 'the server’s'])('is kept whole, by %s key first', async (first) => {
    const twice = await withTwoKeys();
    const isOldFirst = first === 'the page’s';
    const [one, other] = isOldFirst ? [twice.old, twice.now] : [twice.now, twice.old];
    expect((await write(twice, 'PATCH', one, { title: 'Call back' })).status).toBe(200);
    expect((await write(twice, 'PATCH', other, { afterId: other })).status).toBe(200);
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(twice.visitId)).toMatchObject([{ id: twice.now, title: 'Call back', afterId: twice.now }]);
    const { record } = await ask(twice.session, 'GET', `/api/tasks/${twice.now}`);
    expect(record).toMatchObject({ title: 'Call back', afterId: twice.now });
    expect(await valueOf(twice.page.pending())).toMatchObject({ total: 0 });
  });

  it.each(['the page’s', 'the server’s'])(
    'keeps its order where the same field is set by each in turn: %s key first',
    async (first) => {
      const twice = await withTwoKeys();
      const isOldFirst = first === 'the page’s';
      const [one, other] = isOldFirst ? [twice.old, twice.now] : [twice.now, twice.old];
      await write(twice, 'PATCH', one, { title: 'First' });
      await write(twice, 'PATCH', other, { title: 'Second' });
      await write(twice, 'PATCH', one, { title: 'Third' });
      await write(twice, 'PATCH', one, { title: 'Fourth' });
      expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
      expect(await tasksOf(twice.visitId)).toMatchObject([{ id: twice.now, title: 'Fourth' }]);
    },
  );

  it('is not joined over a command that was sent about it by the other (U-12)', async () => {
    const twice = await withTwoKeys();
    const { session, device, old, now } = twice;
    await write(twice, 'PATCH', old, { title: 'Before' });
    expect((await ask(session, 'POST', `/api/tasks/${now}/complete`, {})).status).toBe(202);
    await write(twice, 'PATCH', old, { title: 'After' });
    const sent: Json[] = [];
    device.network = async (path, forward, _headers, _method, body) => {
      if (path === '/sync/upload') sent.push(...arrayOf(asObject(asJson(String(body)))['changes']));
      return forward();
    };
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    const titleOf = (change: Json): Json => asObject(asObject(change)['record'] ?? {})['title'] ?? null;
    const done = sent.map((change) => [asObject(change)['type'], titleOf(change)]);
    expect(done.slice(-3)).toEqual([
      ['update', 'Before'],
      ['command', null],
      ['update', 'After'],
    ]);
  });

  it('joins edits by turns of records of which none is new, whatever is in flight (U-12)', async () => {
    const twice = await withTwoKeys();
    await upload(twice);
    const { session, device, visitId, now } = twice;
    await ask(session, 'POST', '/api/tasks', { title: 'Other', visitId });
    await upload(twice);
    const other = Number((await tasksOf(visitId)).at(-1)?.['id']);
    await ask(session, 'PATCH', `/api/visits/${visitId}`, { note: 'changed' });
    device.network = losingUploads(1);
    await expect(upload(twice)).rejects.toMatchObject({ code: 'network' });
    for (const title of ['First', 'Second', 'Third'])
      for (const key of [now, other]) await write(twice, 'PATCH', key, { title });
    expect(await valueOf(twice.page.pending())).toMatchObject({ total: 3 });
  });

  it('joins edits by turns in a table whose keys pages make, of new records too (U-12)', async () => {
    const { session, device, page } = await openDevice(fixture);
    const [made, other] = [randomUUID(), randomUUID()];
    await ask(session, 'PUT', `/api/visits/${other}`, { id: other, note: 'other' });
    await session.engine.synchronize('first', { mode: 'unsynchronized' });
    await ask(session, 'PUT', `/api/visits/${made}`, { id: made, note: 'made' });
    device.network = losingUploads(1);
    await expect(session.engine.synchronize('lost', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'network',
    });
    for (const note of ['First', 'Second', 'Third'])
      for (const key of [made, other]) await ask(session, 'PATCH', `/api/visits/${key}`, { note });
    expect(await valueOf(page.pending())).toMatchObject({ total: 3 });
  });

  it('is one change where a group writes it twice, with another record between (N-7a)', async () => {
    const twice = await withTwoKeys();
    const { page, old, now, visitId } = twice;
    const together = [
      { method: 'PATCH', url: `/api/tasks/${old}`, body: { title: 'Both' } },
      { method: 'PATCH', url: `/api/tasks/${now}`, body: { afterId: now } },
      { method: 'PATCH', url: `/api/tasks/${old}`, body: { done: true } },
    ] as const;
    await valueOf(page.group(together, {}));
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(visitId)).toMatchObject([{ id: now, title: 'Both', afterId: now, done: true }]);
  });

  it('stays taken away where a replacement by the one did so before the other was written', async () => {
    const twice = await withTwoKeys({ done: true });
    const { old, now, visitId } = twice;
    await write(twice, 'PUT', now, { id: now, visitId, title: 'Put' });
    await write(twice, 'PATCH', old, { afterId: old });
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(visitId)).toMatchObject([{ id: now, title: 'Put', afterId: now, done: null }]);
  });

  it('makes no second record of one that was deleted by the other, also of what else names it (O2)', async () => {
    const twice = await withTwoKeys();
    const { session, old, now, visitId } = twice;
    const next = await ask(session, 'POST', '/api/tasks', { title: 'Next', visitId, afterId: now });
    await write(twice, 'DELETE', old);
    expect((await write(twice, 'PATCH', now, { done: true })).status).toBe(200);
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    const tasks = await tasksOf(visitId);
    expect(tasks).toMatchObject([
      { id: now, title: 'Call', done: true },
      { title: 'Next', afterId: now },
    ]);
    const { record } = await ask(session, 'GET', `/api/tasks/${Number(next.record['id'])}`);
    expect(record).toMatchObject({ afterId: now });
  });

  it('takes nothing back that somebody else wrote, where it was made over a delete by the other (O2, U-04)', async () => {
    const twice = await withTwoKeys();
    const { old, now, visitId } = twice;
    await write(twice, 'DELETE', old);
    await write(twice, 'PATCH', now, { done: true });
    await fixture.request('PATCH', `/api/tasks/${now}`, { body: { title: 'Theirs' } });
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(visitId)).toMatchObject([{ id: now, title: 'Theirs', done: true }]);
  });

  it('goes behind a delete by the other that waits with its group (N-7d)', async () => {
    const twice = await withTwoKeys();
    const { session, page, old, now, visitId } = twice;
    const held = randomUUID();
    await ask(session, 'PUT', `/api/visits/${held}`, { id: held, note: 'held' });
    const together = [
      { method: 'DELETE', url: `/api/tasks/${old}` },
      { method: 'PATCH', url: `/api/visits/${held}`, body: { note: 'together' } },
    ] as const;
    await valueOf(page.group(together, {}));
    await valueOf(page.setStatus('visits', 0, `id = "${held}"`, {}));
    await write(twice, 'PATCH', now, { done: true });
    const some = { mode: 'unsynchronized', onPartial: 'return' } as const;
    await session.engine.synchronize('held', some);
    await valueOf(page.setStatus('visits', 1, `id = "${held}"`, {}));
    await session.engine.synchronize('one', some);
    await session.engine.synchronize('two', some);
    expect(await tasksOf(visitId)).toMatchObject([{ title: 'Call', done: true }]);
  });

  it.each(['PATCH', 'PUT'])('outlives a delete by the other that was made before it: %s', async (method) => {
    const twice = await withTwoKeys();
    const { old, now, visitId } = twice;
    expect((await write(twice, 'DELETE', now)).status).toBe(204);
    expect((await write(twice, method, old, { id: old, visitId, title: 'Kept' })).status).toBe(200);
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(visitId)).toMatchObject([{ id: now, title: 'Kept' }]);
    const { record } = await ask(twice.session, 'GET', `/api/tasks/${old}`);
    expect(record).toMatchObject({ title: 'Kept' });
  });

  it('goes with a delete by the other that was made after it, or by both', async () => {
    const edited = await withTwoKeys();
    await write(edited, 'PATCH', edited.old, { title: 'Edited' });
    await write(edited, 'DELETE', edited.now);
    expect(await upload(edited)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(edited.visitId)).toEqual([]);
    const gone = await withTwoKeys();
    await write(gone, 'DELETE', gone.old);
    await write(gone, 'DELETE', gone.now);
    expect(await upload(gone)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(gone.visitId)).toEqual([]);
    expect(await valueOf(gone.page.pending())).toMatchObject({ total: 0 });
  });

  it('is all in the failure, where somebody else has deleted the record', async () => {
    const twice = await withTwoKeys();
    const { old, now, session } = twice;
    await write(twice, 'PATCH', old, { title: 'Edited' });
    await write(twice, 'PATCH', now, { afterId: now });
    const other = await openDevice(fixture);
    await other.session.engine.synchronize('down', { mode: 'all' });
    await ask(other.session, 'DELETE', `/api/tasks/${now}`);
    await other.session.engine.synchronize('up', { mode: 'all' });
    expect(await upload(twice)).toMatchObject({ failed: 1 });
    const [failure] = await session.database.read(['failures'], (tx) => tx.objectStore('failures').getAll());
    expect(failure).toMatchObject({ code: 'gone', key: now, content: { title: 'Edited', afterId: now } });
  });

  it('is one draft, where each key had one', async () => {
    const twice = await withTwoKeys();
    const { old, now, visitId, page } = twice;
    await valueOf(page.draft('tasks', { id: old, title: 'Drafted', visitId }));
    await valueOf(page.draft('tasks', { id: now, title: 'Call', visitId, afterId: old }));
    await upload(twice);
    expect(await valueOf(page.drafts('tasks'))).toMatchObject([
      { key: now, isNew: false, record: { title: 'Drafted', afterId: now } },
    ]);
    await valueOf(page.commit('tasks', now));
    expect(await upload(twice)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(await tasksOf(visitId)).toMatchObject([{ title: 'Drafted', afterId: now }]);
  });
});
