import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject } from '../../sw/protocol/record.ts';
import { readFile, writeFile, writeForm } from '../../sw/router/file-route.ts';
import type { Table, TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { bytesIn, bytesOf, context, referenceOf, takePhoto } from './files-fixture.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const tables: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id' },
  tasks: {
    path: '/api/tasks',
    key: 'id',
    serverKeys: true,
    columns: { id: 'number', afterId: 'number' },
    references: { visitId: 'visits', afterId: 'tasks' },
    file: 'content',
  },
};

function tasksOf({ schema }: OpenSession): Table {
  const table = schema.tables.get('tasks');
  if (table === undefined) throw new Error('There is no table of tasks.');
  return table;
}

/** A task that the server has, by the temporary key and by its own. */
async function makeTask(session: OpenSession): Promise<{ old: number; now: unknown; visitId: string }> {
  const visitId = randomUUID();
  await ask(session, 'POST', '/api/visits', visit(visitId));
  const { record } = await ask(session, 'POST', '/api/tasks', { title: 'Call back', visitId });
  const old = Number(record['id']);
  expect(await session.engine.synchronize('make', {})).toMatchObject({ failed: 0 });
  const { record: now } = await ask(session, 'GET', `/api/tasks/${old}`);
  return { old, now: now['id'], visitId };
}

function formOf(record: object): Request {
  const form = new FormData();
  form.append('record', JSON.stringify(record));
  form.append('content', new Blob(['a photo']), 'photo.jpg');
  return new Request('https://app.test/api/tasks', { method: 'POST', body: form });
}

describe('The file of a record whose key the server makes (U-08)', () => {
  it('can be put and read by the key that the record had before', async () => {
    const { session } = await openDevice(fixture, tables);
    const { old, now } = await makeTask(session);
    const bytes = bytesOf(3_000, 1);
    const address = `https://app.test/api/tasks/${old}/content`;
    const request = new Request(address, { method: 'PUT', body: bytes });
    const { response } = await writeFile(context(session), tasksOf(session), old, request);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: now });
    const read = await readFile(session, tasksOf(session), old, new Request(address));
    expect(await bytesIn(read)).toEqual(bytes);
  });

  it('comes in a form that names another record by its old key', async () => {
    const { session } = await openDevice(fixture, tables);
    const { old, now, visitId } = await makeTask(session);
    const request = formOf({ title: 'Then write', visitId, afterId: old });
    const { response } = await writeForm(context(session), tasksOf(session), request);
    expect(response.status).toBe(201);
    const made: unknown = await response.json();
    expect(made).toMatchObject({ afterId: now });
    expect(isJsonObject(made) && Number(made['id']) < 0).toBe(true);
  });

  it('is asked for under the key that the server knows, where the content is not here (D-08)', async () => {
    const { session, device } = await openDevice(fixture, tables);
    const { old, now } = await makeTask(session);
    const content = { hash: '0'.repeat(64), size: 5, type: 'text/plain' };
    expect((await ask(session, 'PATCH', `/api/tasks/${old}`, { content })).status).toBe(200);
    const paths: string[] = [];
    device.network = (path) => {
      paths.push(path);
      return Promise.resolve(new Response('there', { headers: { 'Content-Type': 'text/plain' } }));
    };
    const request = new Request(`https://app.test/api/tasks/${old}/content`);
    expect(await (await readFile(session, tasksOf(session), old, request)).text()).toBe('there');
    expect(paths).toEqual([`/api/tasks/${String(now)}/content`]);
  });

  it('is asked for under that key like its record, where the record is not here (D-08)', async () => {
    const { session, device, page } = await openDevice(fixture, tables);
    const { old, now } = await makeTask(session);
    await session.engine.synchronize('again', {});
    await valueOf(page.clear('tasks', null, {}));
    const paths: string[] = [];
    device.network = (path) => {
      paths.push(path);
      return Promise.resolve(Response.json({ id: now }));
    };
    expect(await ask(session, 'GET', `/api/tasks/${old}`)).toMatchObject({ status: 200, record: { id: now } });
    await readFile(session, tasksOf(session), old, new Request(`https://app.test/api/tasks/${old}/content`));
    expect(paths).toEqual([`/api/tasks/${String(now)}`, `/api/tasks/${String(now)}/content`]);
  });

  it('is refused where it is no reference', async () => {
    const { session } = await openDevice(fixture, tables);
    const made = await ask(session, 'POST', '/api/tasks', { title: 'Call', content: 'none' });
    expect(made).toMatchObject({ status: 400, record: { code: 'invalid-body' } });
  });
});

describe('A draft', () => {
  it('that does not name the file of its record keeps it when it is committed (X-i)', async () => {
    const { session, page } = await openDevice(fixture);
    const [visitId, id] = [randomUUID(), randomUUID()];
    await ask(session, 'POST', '/api/visits', visit(visitId));
    await takePhoto(session, visitId, id, bytesOf(2_000, 2));
    const kept = await referenceOf(session, id);
    expect(kept).not.toBeNull();
    await valueOf(page.draft('photos', { id, visitId, caption: 'another' }));
    await valueOf(page.commit('photos', id));
    expect((await see(session, 'photos', id)).record).toMatchObject({ caption: 'another' });
    expect(await referenceOf(session, id)).toEqual(kept);
  });
});
