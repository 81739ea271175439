import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textOf } from '../../demo/server/database/database.ts';
import { maintain } from '../../demo/server/maintenance.ts';
import { demoTables } from '../../demo/server/schema/demo-tables.ts';
import { parseRecord } from '../../demo/server/schema/record-text.ts';
import { Catalog } from '../../demo/server/schema/table-definition.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { readFailures } from '../../sw/store/failures.ts';
import { readHistory } from '../../sw/store/history.ts';
import { hardKeys, hardNames, hardValues, keptBodies, refusedBodies, refusedKeys } from '../support/hard-records.ts';
import { loseAnswer, onNth, refuseWith, on } from '../support/faults/plans.ts';
import { see } from './engine-fixture.ts';
import { type Client, FaultStand } from './faults-fixture.ts';
import { ask, askRaw, type RawBody } from './page-requests.ts';
import { asJson } from './server-fixture.ts';

const stand = new FaultStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

const visits = { path: '/api/visits', key: 'id', conflict: 'merge' } as const;
const preferences = { path: '/api/preferences', key: 'name', scope: 'all' } as const;
const products = { path: '/api/products', key: 'Code', columns: { Code: 'number', Name: 'string' } } as const;
const lines = { path: '/api/lines', key: 'id' } as const;
const withPreferences = { schema: { version: 1, tables: { visits, lines, preferences, products } } };

async function serverNote(id: string): Promise<unknown> {
  const { status, body } = await stand.fixture.request('GET', `/api/visits/${id}`);
  return status === 404 ? null : body;
}

function failuresOf(client: Client): ReturnType<typeof readFailures> {
  return readFailures(client.session.database, { limit: 100, offset: 0 });
}

describe('a record', () => {
  it('made, synchronized, deleted, the answer lost, synchronized: stays deleted', async () => {
    const client = await stand.client();
    const other = await stand.client();
    const [key = ''] = await client.makeVisits(1);
    await client.run();
    await other.run();
    await client.write('DELETE', 'visits', key, null);
    stand.faults.plan = onNth('/sync/upload', 1, loseAnswer);
    await client.run('unsynchronized');
    expect(await client.read('visits', key)).toBeNull();
    await client.run();
    await other.run();
    expect(await other.read('visits', key)).toBeNull();
    expect(await serverNote(key)).toBeNull();
    await stand.holds();
  });

  it('made and deleted between two downloads, in one answer: stays deleted, also where it is named twice', async () => {
    const client = await stand.client();
    const other = await stand.client();
    await client.run();
    await other.run();
    const [key = '', again = ''] = await client.makeVisits(2);
    await client.run('unsynchronized');
    await client.write('DELETE', 'visits', key, null);
    await client.write('DELETE', 'visits', again, null);
    await client.run('unsynchronized');
    await client.write('PUT', 'visits', again, ['note']);
    await client.run('unsynchronized');
    await other.run();
    expect(await other.read('visits', key)).toBeNull();
    expect(await other.read('visits', again)).toMatchObject({ id: again });
    await stand.holds();
  });

  it('deleted while the client was older than the tombstones: full download, changes kept', async () => {
    const client = await stand.client();
    const keys = await client.makeVisits(4);
    await client.run();
    const [gone = '', edited = ''] = keys;
    await stand.fixture.request('DELETE', `/api/visits/${gone}`);
    const { database } = stand.fixture.server;
    await database.query(`update sync_tombstones set at = now() - interval '91 days'`);
    await maintain(database, new Catalog(demoTables));
    await client.write('PATCH', 'visits', edited, ['note']);
    const [made = ''] = await client.makeVisits(1);
    await client.run();
    expect(await client.read('visits', gone)).toBeNull();
    expect(await client.read('visits', edited)).toEqual(await serverNote(edited));
    expect(await serverNote(made)).not.toBeNull();
    await stand.holds();
  });

  it.each([
    ['lost', () => Promise.resolve(null)],
    ['garbled', () => Promise.resolve('%%% no cursor at all')],
    ['of the future', (own: string | null) => Promise.resolve((own ?? '').replaceAll(/\d/g, '9'))],
    ['another user’s', async () => (await stand.fixture.downloadTable('visits', { user: 'ben' })).cursor],
  ] as const)('under a cursor that is %s comes by a full download, changes kept', async (_name, cursorOf) => {
    const client = await stand.client();
    const [gone = '', edited = ''] = await client.makeVisits(3);
    await client.run();
    await stand.fixture.request('DELETE', `/api/visits/${gone}`);
    await client.write('PATCH', 'visits', edited, ['note']);
    const { database, base } = client.session;
    const own = await database.read(['heads'], (tx) => base.readHead(tx, 'visits'));
    const cursor = await cursorOf(own.cursor);
    await database.write(['heads'], (tx) => tx.objectStore('heads').put({ ...own, cursor }));
    await client.restart();
    expect(await client.run()).toBe('finished');
    expect(await client.read('visits', gone)).toBeNull();
    expect(await client.read('visits', edited)).toEqual(await serverNote(edited));
    await stand.holds();
  });

  it('is in its place though the clock is off by a year, and goes back in mid-run', async () => {
    const year = 365 * 24 * 3_600_000;
    const [early, late] = [await stand.client(), await stand.client()];
    early.device.advance(-year);
    late.device.advance(year);
    const [key = ''] = await early.makeVisits(1);
    await early.run();
    await late.run();
    for (let round = 0; round < 4; round += 1) {
      await late.write('PATCH', 'visits', key, ['note']);
      await early.write('PATCH', 'visits', key, ['note']);
      stand.faults.plan = (passage) => {
        if (passage.path === '/sync/download' || passage.path === '/sync/upload') {
          late.device.advance(round % 2 === 0 ? -2 * year : 2 * year);
          early.device.advance(-3_600_000);
        }
        return undefined;
      };
      expect(await late.run()).toBe('finished');
      expect(await early.run()).toBe('finished');
      await early.read('visits', key);
      await late.read('visits', key);
    }
    await stand.holds();
  });
});

describe('keys and fields', () => {
  it('of any Unicode, a/b?c#d, __proto__, constructor, numbers against strings are the same byte by byte on server and devices', async () => {
    const client = await stand.client(withPreferences);
    const other = await stand.client(withPreferences);
    for (const [label, key] of hardKeys) {
      const written = await ask(client.session, 'PUT', `/api/preferences/${encodeURIComponent(key)}`, {
        name: key,
        value: label,
      });
      expect(written.status, label).toBe(201);
    }
    expect(await client.run()).toBe('finished');
    expect(await other.run()).toBe('finished');
    for (const { session } of [client, other]) {
      for (const [label, key] of hardKeys) {
        const path = `/api/preferences/${encodeURIComponent(key)}`;
        const here = await ask(session, 'GET', path);
        expect([here.status, here.body], label).toEqual([200, { name: key, value: label }]);
      }
    }
    const { body } = await ask(other.session, 'GET', '/api/preferences');
    expect(body).toHaveLength(hardKeys.length);
    for (const [, key] of hardKeys) {
      expect((await ask(other.session, 'DELETE', `/api/preferences/${encodeURIComponent(key)}`)).status).toBe(204);
    }
    expect(await other.run()).toBe('finished');
    expect((await stand.fixture.request('GET', '/api/preferences')).body).toEqual([]);
    expect(Object.prototype).not.toHaveProperty('value');
  });

  it('have values past 2^53, of depth 100, of 1 MB, and names such as __proto__, and none is altered', async () => {
    const client = await stand.client(withPreferences);
    const other = await stand.client(withPreferences);
    const values = { ...hardValues, names: asJson(hardNames) };
    for (const [name, value] of Object.entries(values)) {
      expect((await ask(client.session, 'PUT', `/api/preferences/${name}`, { name, value })).status, name).toBe(201);
    }
    expect(await client.run()).toBe('finished');
    expect(await other.run()).toBe('finished');
    for (const { session } of [client, other]) {
      for (const [name, value] of Object.entries(values)) {
        const { body } = await ask(session, 'GET', `/api/preferences/${encodeURIComponent(name)}`);
        expect(JSON.stringify(body), name).toBe(JSON.stringify({ name, value }));
      }
      // An edit beside it leaves it as it is.
      expect((await ask(session, 'PATCH', '/api/preferences/names', { note: null })).status).toBe(200);
      expect((await ask(session, 'GET', '/api/preferences/names')).text).toContain('"__proto__":{"polluted":1}');
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    for (const name of Object.keys(values))
      await ask(client.session, 'DELETE', `/api/preferences/${encodeURIComponent(name)}`);
    expect(await client.run()).toBe('finished');
  });

  it.each(refusedBodies)('are refused before success where they hold %s', async (_name, body) => {
    const client = await stand.client(withPreferences);
    for (const [method, path] of [
      ['POST', '/api/preferences'],
      ['PUT', '/api/preferences/n'],
    ] as const) {
      const answer = await askRaw(client.session, method, path, body);
      expect([answer.status, answer.record['code']]).toEqual([400, 'invalid-body']);
    }
    expect((await client.state()).unsent).toEqual([]);
  });

  it.each(keptBodies)('keep numbers that JavaScript holds, however they are written: %s', async (body) => {
    const client = await stand.client(withPreferences);
    expect((await askRaw(client.session, 'PUT', '/api/preferences/n', body)).status).toBe(201);
    expect((await ask(client.session, 'GET', '/api/preferences/n')).text).toBe(body);
  });

  it.each(refusedKeys)('refuse a key that is %s before success', async (_name, table, body) => {
    const client = await stand.client(withPreferences);
    const answer = await askRaw(client.session, 'POST', `/api/${table}`, body);
    expect([answer.status, answer.record['code']]).toEqual([422, 'invalid-key']);
    expect((await client.state()).unsent).toEqual([]);
  });

  it('may have 8 KB in a key: what the server cannot index is parked with its reason, not dropped', async () => {
    const client = await stand.client(withPreferences);
    const key = 'k'.repeat(8_192);
    expect((await ask(client.session, 'PUT', `/api/visits/${key}`, { id: key, note: 'long' })).status).toBe(201);
    expect(await client.run()).toBe('partial');
    expect(await failuresOf(client)).toMatchObject([{ key, code: 'validation' }]);
    expect((await ask(client.session, 'GET', `/api/visits/${key}`)).body).toMatchObject({ note: 'long' });
    const [failure] = await failuresOf(client);
    await client.page.discard(failure?.id ?? '');
    await stand.holds();
  });
});

describe('bodies', () => {
  const record = '{"id":"a-body","note":"as it was sent"}';
  const streamOf = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();

  it.each<readonly [string, () => RawBody, string | undefined]>([
    ['a Blob', () => new Blob([record], { type: 'application/json' }), undefined],
    ['a stream', () => streamOf(record), 'application/json'],
    ['bytes', () => new TextEncoder().encode(record), 'application/json'],
    ['a type of its own', () => record, 'application/vnd.visit+json; charset=utf-8'],
  ])('as %s are stored exactly', async (_name, make, type) => {
    const client = await stand.client();
    expect((await askRaw(client.session, 'PUT', '/api/visits/a-body', make(), type)).status).toBe(201);
    expect((await ask(client.session, 'GET', '/api/visits/a-body')).text).toBe(record);
  });

  it.each<readonly [string, () => RawBody, string | undefined, number]>([
    ['a form’s text', () => new URLSearchParams({ id: 'a-body', note: 'x' }), undefined, 400],
    ['a form with a file, where the table has none', () => formWith(new Blob(['x']), 'content'), undefined, 400],
    ['bytes of another type', () => new Uint8Array([1, 2, 3]), 'application/octet-stream', 400],
    ['XML', () => '<visit/>', 'application/xml', 400],
    [
      'more than is taken',
      () => JSON.stringify({ id: 'a-body', note: 'x'.repeat(11 * 1024 * 1024) }),
      'application/json',
      413,
    ],
  ])('as %s are refused before success', async (_name, make, type, status) => {
    const client = await stand.client();
    const answer = await askRaw(client.session, 'POST', '/api/visits', make(), type);
    expect(answer.status).toBe(status);
    expect(answer.record['code']).toBeTruthy();
    expect((await client.state()).unsent).toEqual([]);
  });

  function formWith(file: Blob, field: string): FormData {
    const form = new FormData();
    form.set('note', 'x');
    form.set(field, file);
    return form;
  }
});

describe('another shape on the server', () => {
  it('with fields added, removed and renamed: edits keep to their fields, and nothing is dropped', async () => {
    const client = await stand.client();
    const [key = ''] = await client.makeVisits(1);
    await client.run();
    const { database } = stand.fixture.server;
    const reshape = async (change: (record: JsonObject) => JsonObject): Promise<void> => {
      const [row] = await database.query('select _text from visits where id = $1', [key]);
      const before = parseRecord(textOf(row, '_text'));
      await database.query(
        `update visits set _text = $2, _version = nextval('sync_version'), _edited = _version, _xact = pg_current_xact_id() where id = $1`,
        [key, JSON.stringify(change(before))],
      );
    };
    const sent: string[] = [];
    stand.faults.plan = on('/sync/upload', async (passage) => {
      sent.push(await passage.body());
      (await passage.forward()).pass();
    });
    await reshape((record) => ({ ...record, added: 'by a newer server' }));
    expect(await client.run()).toBe('finished');
    expect(await client.read('visits', key)).toMatchObject({ added: 'by a newer server' });
    await client.write('PATCH', 'visits', key, ['note']);
    await reshape(({ added, ...record }) => ({ ...record, renamed: added ?? null }));
    expect(await client.run()).toBe('finished');
    expect(await client.read('visits', key)).not.toHaveProperty('added');
    await client.write('PATCH', 'visits', key, ['note']);
    expect(await client.run()).toBe('finished');
    // What an older app knows nothing of is not sent back to undo it.
    expect(sent.length).toBeGreaterThan(1);
    for (const body of sent) expect(body).toContain('"fields":["note"]');
    await stand.holds();
  });

  it('without a field that is written here: that change is parked with the field’s name, the others go on', async () => {
    const client = await stand.client();
    await client.makeVisits(2);
    const key = randomUUID();
    expect((await ask(client.session, 'PUT', `/api/visits/${key}`, { id: key, note: 'x', gone: 1 })).status).toBe(201);
    expect(await client.run()).toBe('partial');
    const failures = await failuresOf(client);
    expect(failures).toMatchObject([{ key, code: 'validation', content: { gone: 1 } }]);
    expect(failures[0]?.message).toContain('gone');
    expect((await see(client.session, 'visits', key)).detail).toBe('rejected');
    await stand.holds();
  });

  it('without a table: its changes are parked, not dropped, the others are sent, and the version error says what to do', async () => {
    const gadgets = { path: '/api/gadgets', key: 'id' } as const;
    const client = await stand.client({ schema: { version: 1, tables: { visits, gadgets } } });
    const keys = await client.makeVisits(2);
    expect((await ask(client.session, 'POST', '/api/gadgets', { id: 'g1', name: 'x' })).status).toBe(201);
    expect(await client.run()).toBe('protocol-version');
    for (const key of keys) expect(await serverNote(key)).not.toBeNull();
    expect(await failuresOf(client)).toMatchObject([{ table: 'gadgets', key: 'g1', content: { name: 'x' } }]);
    expect((await ask(client.session, 'GET', '/api/gadgets/g1')).body).toMatchObject({ name: 'x' });
    const [last] = await readHistory(client.session.database, { limit: 1, offset: 0 });
    expect(last?.error?.message).toMatch(/gadgets.*Update the app or the server/);
    // An app that declares it no more keeps what was written as a failure.
    expect((await client.state()).unsent).toHaveLength(1);
  });

  it('that no longer speaks to an older client: the version error says what to do, and everything is kept', async () => {
    const client = await stand.client();
    await client.makeVisits(2);
    stand.faults.plan = on(['/sync/upload', '/sync/download'], refuseWith(400, {}, 'protocol-version'));
    expect(await client.run()).toBe('protocol-version');
    const [last] = await readHistory(client.session.database, { limit: 1, offset: 0 });
    expect(last?.error?.message).toMatch(/Update the app or the server/);
    expect((await client.state()).unsent).toHaveLength(2);
    await stand.holds();
  });
});
