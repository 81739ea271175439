import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see } from './engine-fixture.ts';
import { losingUploads, noNetwork, openDevice, type Opened, pageOf, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { asJson, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

interface Closing {
  readonly visitId: string;
  readonly lineId: string;
  readonly requests: readonly GroupRequest[];
}

/** A visit, its line, and its closing. */
function closing(note = 'a note'): Closing {
  const [visitId, lineId] = [randomUUID(), randomUUID()];
  const line = { id: lineId, visitId, productCode: 1, quantity: 2, price: 3 };
  return {
    visitId,
    lineId,
    requests: [
      { method: 'POST', url: '/api/visits', body: visit(visitId, { note }) },
      { method: 'POST', url: '/api/lines', body: line },
      { method: 'POST', url: `/api/visits/${visitId}/close` },
    ],
  };
}

/** The uploads of a device: each with its group and how many changes it has. */
function watchUploads(opened: Opened): { readonly uploads: JsonObject[] } {
  const uploads: JsonObject[] = [];
  opened.device.network = async (path, forward, _headers, _method, body) => {
    const sent = path === '/sync/upload' ? asJson(String(body)) : null;
    if (isJsonObject(sent)) uploads.push(sent);
    return forward();
  };
  return { uploads };
}

function typesOf(upload: JsonObject | undefined): readonly unknown[] {
  const changes = upload?.['changes'];
  return Array.isArray(changes) ? changes.map((change) => (isJsonObject(change) ? change['type'] : null)) : [];
}

function statusAt(path: string): Promise<number> {
  return fixture.fetch(path).then((response) => response.status);
}

function seqOf(session: OpenSession): Promise<unknown> {
  return session.database.read(['meta'], (tx) => tx.objectStore('meta').get('seq'));
}

/** How many effects the server has noted. */
async function readLedger(): Promise<number> {
  return (await fixture.server.database.query('select 1 from sync_ledger', [])).length;
}

describe('An atomic group', () => {
  it('is stored at once and taken together', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const { uploads } = watchUploads(opened);
    const { visitId, lineId, requests } = closing();
    const { members } = await valueOf(page.group(requests, {}));
    expect(members).toMatchObject([
      { type: 'record', table: 'visits', key: visitId, record: { note: 'a note' } },
      { type: 'record', table: 'lines', key: lineId },
      { type: 'command' },
    ]);
    expect((await see(session, 'visits', visitId)).detail).toBe('pending');
    expect(await session.engine.synchronize('one', {})).toMatchObject({
      outcome: 'finished',
      uploaded: 2,
      commands: 1,
    });
    expect(uploads.map(typesOf)).toEqual([['create', 'create', 'command']]);
    expect(typeof uploads[0]?.['group']).toBe('string');
    expect(await see(session, 'visits', visitId)).toMatchObject({
      detail: 'clean',
      record: { status: 'closed', total: 6 },
    });
  });

  it('is taken not at all if the server refuses one of it, and as a whole once that one is mended', async () => {
    const { session, page } = await openDevice(fixture);
    const { visitId, lineId, requests } = closing('#reject');
    await valueOf(page.group(requests, {}));
    const result = await session.engine.synchronize('one', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'partial', uploaded: 0, commands: 0, failed: 1 });
    expect(await statusAt(`/api/lines/${lineId}`)).toBe(404);
    expect((await see(session, 'visits', visitId)).detail).toBe('rejected');
    expect((await see(session, 'lines', lineId)).detail).toBe('blocked');
    await ask(session, 'PATCH', `/api/visits/${visitId}`, { note: 'mended' });
    const again = await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(again).toMatchObject({ outcome: 'finished', uploaded: 2, commands: 1 });
    expect(await see(session, 'visits', visitId)).toMatchObject({ detail: 'clean', record: { note: 'mended' } });
  });

  it('is given up as a whole', async () => {
    const { session, page } = await openDevice(fixture);
    const { visitId, lineId, requests } = closing('#reject');
    await valueOf(page.group(requests, {}));
    await session.engine.synchronize('one', { mode: 'unsynchronized' });
    const [failure] = await valueOf(page.failures({}));
    expect(await valueOf(page.discard(failure?.id ?? ''))).toBe(true);
    expect(await see(session, 'visits', visitId)).toMatchObject({ record: null });
    expect(await see(session, 'lines', lineId)).toMatchObject({ record: null });
    expect(await valueOf(page.pending())).toMatchObject({ total: 0, commands: 0 });
  });

  it('has one effect if the answer to it was lost and the worker died over it (U-03)', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const before = await first.signIn('ana');
    const ledger = await readLedger();
    const { visitId, requests } = closing();
    await valueOf(pageOf(first, before).group(requests, {}));
    device.network = losingUploads();
    await expect(before.engine.synchronize('one', {})).rejects.toMatchObject({ code: 'network' });
    first.kill();
    device.network = (_path, forward) => forward();
    const session = await device.startWorker().signIn('ana');
    await ask(session, 'PATCH', `/api/visits/${visitId}`, { note: 'edited' });
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    expect((await readLedger()) - ledger).toBe(4);
    expect(await see(session, 'visits', visitId)).toMatchObject({
      detail: 'clean',
      record: { note: 'edited', status: 'closed' },
    });
  });

  it('seals what came before it: edit, group, edit are sent as three things in order (U-12)', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id, { note: 'first' }));
    const { uploads } = watchUploads(opened);
    await valueOf(
      page.group(
        [
          { method: 'PATCH', url: `/api/visits/${id}`, body: { note: 'second' } },
          { method: 'POST', url: `/api/visits/${id}/close` },
        ],
        {},
      ),
    );
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'third' });
    expect(await session.engine.synchronize('one', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(uploads.map(typesOf)).toEqual([['create'], ['update', 'command'], ['update']]);
    expect(await see(session, 'visits', id)).toMatchObject({ record: { note: 'third', status: 'closed' } });
  });

  it.each(['alone', 'in a group'])(
    'of a command %s goes behind what was set to be sent before it (K-03, U-12)',
    async (how) => {
      const opened = await openDevice(fixture);
      const { session, page } = opened;
      const id = randomUUID();
      await ask(session, 'POST', '/api/visits', visit(id, { note: 'first' }));
      await session.engine.synchronize('one', {});
      await valueOf(page.setStatus('visits', 'not-synchronized', `FIELD(visits,id) = "${id}"`, {}));
      if (how === 'alone') await ask(session, 'POST', `/api/visits/${id}/close`);
      else await valueOf(page.group([{ method: 'POST', url: `/api/visits/${id}/close` }], {}));
      const { uploads } = watchUploads(opened);
      expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', failed: 0 });
      expect(uploads.flatMap(typesOf)).toEqual(['update', 'command']);
      expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { status: 'closed' } });
    },
  );

  it('joins two writes of one record, but not over a command', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const { uploads } = watchUploads(opened);
    const { visitId, requests } = closing();
    const edit: GroupRequest = { method: 'PATCH', url: `/api/visits/${visitId}`, body: { note: 'edited' } };
    const before = await seqOf(session);
    expect(await page.group([...requests, edit], {})).toMatchObject({
      ok: false,
      error: { code: 'invalid-request', details: { index: 3 } },
    });
    expect(await seqOf(session)).toEqual(before);
    await valueOf(page.group([...requests.slice(0, 1), edit, ...requests.slice(1)], {}));
    await session.engine.synchronize('one', {});
    expect(uploads.map(typesOf)).toEqual([['create', 'create', 'command']]);
    expect(await see(session, 'visits', visitId)).toMatchObject({ record: { note: 'edited', status: 'closed' } });
  });

  it('stores nothing if a request of it is refused here, and names that one', async () => {
    const { session, page } = await openDevice(fixture);
    await session.engine.synchronize('one', {});
    const { visitId, requests } = closing();
    const before = await seqOf(session);
    const wrong: readonly (readonly [GroupRequest, string])[] = [
      [{ method: 'PATCH', url: `/api/lines/${randomUUID()}`, body: { price: 1 } }, 'not-found'],
      [{ method: 'POST', url: '/api/products', body: { Code: 1, Name: 'Cola' } }, 'exists'],
      [{ method: 'POST', url: '/api/unknown', body: {} }, 'invalid-request'],
      [{ method: 'POST', url: '/api/visits/7', body: {} }, 'invalid-request'],
      [{ method: 'POST', url: '/api/visits' }, 'invalid-request'],
    ];
    for (const [request, code] of wrong) {
      expect(await page.group([...requests, request], {})).toMatchObject({
        ok: false,
        error: { code, details: { index: 3 } },
      });
    }
    expect(await page.group([], {})).toMatchObject({ ok: false, error: { code: 'invalid-request' } });
    expect(await seqOf(session)).toEqual(before);
    expect(await see(session, 'visits', visitId)).toMatchObject({ record: null });
  });

  it('is stored once under an idempotency key', async () => {
    const { session, page } = await openDevice(fixture);
    const { requests } = closing();
    const key = { idempotencyKey: randomUUID() };
    const first = await valueOf(page.group(requests, key));
    const seq = await seqOf(session);
    expect(await valueOf(page.group(requests, key))).toEqual(first);
    expect(await seqOf(session)).toEqual(seq);
    expect(await page.group(requests.slice(1), key)).toMatchObject({ ok: false, error: { code: 'request-changed' } });
  });

  it('takes a refused change into it, and nulls references to what it deletes (R-01)', async () => {
    const { session, page, device } = await openDevice(fixture, {
      visits: { path: '/api/visits', key: 'id' },
      tasks: {
        path: '/api/tasks',
        key: 'id',
        serverKeys: true,
        columns: { id: 'number' },
        references: { visitId: 'visits', afterId: { table: 'tasks', onDelete: 'null' } },
      },
    });
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    const parent = await ask(session, 'POST', '/api/tasks', { title: 'first', visitId: id });
    await ask(session, 'POST', '/api/tasks', { title: 'second', visitId: id, afterId: parent.record['id'] ?? null });
    const bad = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(bad, { note: '#reject' }));
    await session.engine.synchronize('one', { onPartial: 'return' });
    expect((await see(session, 'visits', bad)).detail).toBe('rejected');
    const query = 'select id, "afterId" from tasks where "visitId" = $1 order by id';
    const [first, second] = (await fixture.server.database.query(query, [id])).map((row) => Number(row['id']));
    device.network = noNetwork;
    await valueOf(
      page.group(
        [
          { method: 'DELETE', url: `/api/tasks/${String(first)}` },
          { method: 'PATCH', url: `/api/visits/${bad}`, body: { note: 'mended' } },
        ],
        {},
      ),
    );
    expect(await see(session, 'tasks', second ?? 0)).toMatchObject({ detail: 'pending', record: { afterId: null } });
    device.network = (_path, forward) => forward();
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', uploaded: 3 });
    expect(await fixture.server.database.query(query, [id])).toMatchObject([{ afterId: null }]);
    expect(await statusAt(`/api/visits/${bad}`)).toBe(200);
  });

  it('goes to another device as a whole, and not in part (A-06)', async () => {
    const [one, two, three] = [await openDevice(fixture), await openDevice(fixture), await openDevice(fixture)];
    one.device.network = noNetwork;
    await ask(one.session, 'POST', '/api/visits', visit(randomUUID()));
    const { visitId, lineId, requests } = closing();
    await valueOf(one.page.group(requests, {}));
    const exported = await valueOf(one.page.exportUnsent());
    const carry = async (to: Opened): Promise<void> => {
      const theirs = asJson(await valueOf(to.page.exportUnsent()));
      const file = asJson(exported);
      if (!isJsonObject(file) || !isJsonObject(theirs)) throw new Error('no file');
      await valueOf(to.page.importUnsent(JSON.stringify({ ...file, app: theirs['app'] ?? null })));
    };
    await ask(two.session, 'POST', '/api/visits', visit(randomUUID()));
    const { uploads } = watchUploads(two);
    await carry(two);
    expect(await two.session.engine.synchronize('one', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    expect(uploads.map(typesOf)).toEqual([
      ['create', 'create'],
      ['create', 'create', 'command'],
    ]);
    expect(await see(two.session, 'visits', visitId)).toMatchObject({ record: { status: 'closed' } });
    three.device.network = noNetwork;
    await ask(three.session, 'POST', '/api/lines', { id: lineId, visitId, productCode: 1, quantity: 1, price: 1 });
    await carry(three);
    expect(await see(three.session, 'visits', visitId)).toMatchObject({ record: null });
    const failures = await valueOf(three.page.failures({}));
    expect(failures.map(({ table, code }) => [table, code]).sort()).toEqual([
      ['', 'superseded'],
      ['lines', 'superseded'],
      ['visits', 'superseded'],
    ]);
  });

  it('is not sent in part when the server’s copy ended the hold of one of it (K-04)', async () => {
    const { session, page } = await openDevice(fixture);
    const [held, other] = [randomUUID(), randomUUID()];
    for (const id of [held, other]) await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('one', {});
    const edits = [held, other].map((id): GroupRequest => {
      return { method: 'PATCH', url: `/api/visits/${id}`, body: { note: 'together' } };
    });
    await valueOf(page.group(edits, {}));
    await valueOf(page.setStatus('visits', 'synchronized', `id = "${held}"`, {}));
    await fixture.request('PATCH', `/api/visits/${held}`, { body: { note: 'newer' } });
    for (const run of ['two', 'three', 'four']) await session.engine.synchronize(run, { onPartial: 'return' });
    expect(await see(session, 'visits', held)).toMatchObject({ detail: 'clean', record: { note: 'newer' } });
    expect(await see(session, 'visits', other)).toMatchObject({ detail: 'rejected', record: { note: 'together' } });
    expect((await fixture.request('GET', `/api/visits/${other}`)).body).toMatchObject({ note: 'a note' });
    expect((await valueOf(page.failures({}))).map(({ code }) => code)).toEqual(['superseded', 'superseded']);
  });

  it('is refused where the backend sends each change by itself', async () => {
    const worker = new Device(fixture).startWorker({ backend: restBackend() });
    const session = await worker.signIn('ana');
    const { visitId, requests } = closing();
    expect(await pageOf(worker, session).group(requests, {})).toMatchObject({
      ok: false,
      error: { code: 'unsupported' },
    });
    expect(await see(session, 'visits', visitId)).toMatchObject({ record: null });
  });
});
