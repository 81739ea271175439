import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../sw/filter/index.ts';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { asObject, command, create, newId, remove, update } from './server-fixture.ts';
import { callAs, contextAt, downloadFrom, uploadTo } from './backend-fixture.ts';
import { echo, json, serverThat, type Answer } from './rest-fixture.ts';

const product = (code: number): JsonObject => ({ Code: code, Name: `Product ${code}`, Stock: 1 });
const creates = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, index) => create('products', { Code: 1000 + index, Name: 'New' }, 'Code'));

/** A list that serves `limit` and `offset`. */
function listOf(records: readonly JsonObject[], path: string, headers: Record<string, string> = {}): Response {
  const query = new URL(path, 'https://app.example').searchParams;
  const offset = Number(query.get('offset') ?? 0);
  return json(records.slice(offset, offset + Number(query.get('limit') ?? records.length)), 200, headers);
}

describe('The REST backend', () => {
  it('has six requests under way over unrelated records, and not more', async () => {
    let underWay = 0;
    let most = 0;
    const { connection } = serverThat(async (sent) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return echo(sent);
    });
    const { outcomes } = await uploadTo(connection, creates(20));
    expect(outcomes).toHaveLength(20);
    expect(most).toBe(6);
  });

  it('holds back what follows a change of the same record, a reference, a command or a delete', async () => {
    let underWay = 0;
    let most = 0;
    const { connection, asked } = serverThat(async ({ body, path }) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return body === null ? new Response(null, { status: 204 }) : json({ id: path.slice(-1), ...asObject(body) });
    });
    await uploadTo(connection, [
      create('visits', { id: 'a' }),
      create('lines', { id: 'b', visitId: 'a' }),
      update('lines', { id: 'b', visitId: null }, { fields: ['visitId'] }),
      remove('visits', 'a'),
      create('visits', { id: 'c' }),
      command('/api/visits/c/close'),
      create('visits', { id: 'd' }),
    ]);
    expect(most).toBe(1);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /api/visits',
      'POST /api/lines',
      'PATCH /api/lines/b',
      'DELETE /api/visits/a',
      'POST /api/visits',
      'POST /api/visits/c/close',
      'POST /api/visits',
    ]);
  });

  it('sends a create after the updates of its table that were made before it (U-01)', async () => {
    const order: string[] = [];
    const { connection } = serverThat(async (sent) => {
      for (let turn = 0; turn < (sent.method === 'PATCH' ? 3 : 1); turn += 1)
        await new Promise((resolve) => setImmediate(resolve));
      order.push(`${sent.method} ${sent.path}`);
      return json({ id: sent.path.slice(-1), ...asObject(sent.body) });
    });
    await uploadTo(connection, [
      update('visits', { id: 'a', note: 'other' }, { fields: ['note'] }),
      create('lines', { id: 'c' }),
      create('visits', { id: 'b', note: 'unique' }),
    ]);
    expect(order).toEqual(['POST /api/lines', 'PATCH /api/visits/a', 'POST /api/visits']);
  });

  it('keeps what was answered before a fault, and sends nothing after it', async () => {
    for (const [status, code] of [
      [401, 'auth-required'],
      [408, 'server'],
      [425, 'server'],
      [429, 'server'],
      [503, 'server'],
      [302, 'not-our-server'],
      [407, 'not-our-server'],
    ] as const) {
      const answer: Answer = (sent) =>
        asObject(sent.body)['Code'] === 1002 ? new Response(null, { status, headers: { Location: '/' } }) : echo(sent);
      const { connection, asked } = serverThat(answer, { concurrency: 1 });
      const changes = creates(5);
      const { outcomes, fault } = await uploadTo(connection, changes);
      expect([status, fault]).toMatchObject([status, { code }]);
      expect(outcomes.map(({ mutationId }) => mutationId)).toEqual(changes.slice(0, 2).map((c) => c['mutationId']));
      expect(asked).toHaveLength(3);
    }
  });

  it('believes no page as an answer to a write, not even one that says 404 (U-11)', async () => {
    const headers = { 'Content-Type': 'text/html; charset=utf-8' };
    for (const status of [200, 404, 403, 412]) {
      const { connection } = serverThat(() => new Response('<p>Sign in</p>', { status, headers }));
      const { outcomes, fault } = await uploadTo(connection, [remove('products', 1)]);
      expect([status, outcomes, fault]).toMatchObject([status, [], { code: 'not-our-server' }]);
    }
    const { connection } = serverThat(() => new Response('<p>Too large</p>', { status: 413, headers }));
    const { outcomes } = await uploadTo(connection, creates(1));
    expect(outcomes).toMatchObject([{ type: 'rejected', code: 'too-large' }]);
  });

  it('reads the record where a write was answered without one', async () => {
    const { connection } = serverThat(({ method }) =>
      method === 'GET' ? json(product(1000), 200, { ETag: '"9"' }) : new Response(null, { status: 204 }),
    );
    const { outcomes } = await uploadTo(connection, creates(1));
    expect(outcomes).toMatchObject([{ type: 'applied', record: product(1000), version: '9' }]);
  });

  it('maps the key that the server assigned', async () => {
    const { connection } = serverThat(() => json({ id: 77, note: 'Kept' }, 201));
    const { outcomes } = await uploadTo(connection, [create('visits', { id: 'mine', note: 'Kept' })]);
    expect(outcomes).toMatchObject([{ type: 'applied', key: 77, record: { id: 77 } }]);
  });

  it('sends the headers by the names it was given, and none that is off', async () => {
    const changes = (): JsonObject[] => [
      update('products', product(1), { key: 1, fields: ['Stock'], baseVersion: '1' }),
    ];
    const usual = serverThat(echo);
    const [change] = changes();
    await uploadTo(usual.connection, change === undefined ? [] : [change]);
    expect(usual.asked[0]?.headers.get('Idempotency-Key')).toBe(change?.['mutationId']);
    expect(usual.asked[0]?.headers.get('If-Match')).toBe('"1"');
    await uploadTo(usual.connection, changes(), { onConflict: { products: 'overwrite' } });
    const overwriting = usual.asked.find(({ method, headers }) => method === 'PATCH' && !headers.has('If-Match'));
    expect(overwriting).toBeDefined();

    const named = serverThat(echo, { headers: { idempotency: 'X-Request', precondition: 'X-Version' } });
    await uploadTo(named.connection, changes());
    expect(named.asked[0]?.headers.get('X-Version')).toBe('1');
    expect(named.asked[0]?.headers.has('X-Request')).toBe(true);

    const off = serverThat(echo, { idempotency: 'none', headers: { idempotency: false, precondition: false } });
    await uploadTo(off.connection, changes());
    expect(off.asked[0]?.headers.has('Idempotency-Key')).toBe(false);
    expect(off.asked[0]?.headers.has('If-Match')).toBe(false);
    expect([usual.connection.idempotent, off.connection.idempotent]).toEqual([true, false]);
  });

  it('refuses client-keys for a table whose keys the server makes (U-08)', () => {
    const context = contextAt('https://app.example', () => Promise.reject(new Error('not asked')));
    expect(() => restBackend({ idempotency: 'client-keys' }).connect(context)).toThrow(/makes the keys of tasks/);
  });

  it('refuses a file in a table whose keys the server makes', () => {
    const context = contextAt('https://app.example', () => Promise.reject(new Error('not asked')));
    const tables = new Map(
      [...context.tables].map(([name, table]) => [
        name,
        name === 'tasks' ? { ...table, file: { field: 'content' } } : table,
      ]),
    );
    expect(() => restBackend().connect({ ...context, tables })).toThrow(
      expect.objectContaining({ code: 'configuration', details: { option: 'tables.tasks.file' } }),
    );
  });

  it('puts to a key of its own under client-keys, and knows its own repeated update', async () => {
    const { connection, asked } = serverThat(
      ({ method, body }) => {
        if (method === 'PATCH') return json({ code: 'conflict' }, 412);
        return method === 'GET' ? json({ ...product(1), Stock: 8 }, 200, { ETag: '"3"' }) : json(body);
      },
      { idempotency: 'client-keys' },
    );
    const edit = (stock: number): JsonObject =>
      update('products', { ...product(1), Stock: stock }, { key: 1, fields: ['Stock'], baseVersion: '2' });
    const { outcomes } = await uploadTo(connection, [create('products', product(5), 'Code'), edit(8), edit(9)]);
    expect(asked[0]).toMatchObject({ method: 'PUT', path: '/api/products/5' });
    expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied', 'conflict']);
  });

  it('takes no missing table for a missing record', async () => {
    const { connection } = serverThat(() => json({ code: 'unknown-table' }, 404));
    const { outcomes } = await uploadTo(connection, [remove('products', 1)]);
    expect(outcomes).toMatchObject([{ type: 'rejected', code: 'schema' }]);
    await expect(connection.read('products', [1], callAs('ana'))).rejects.toMatchObject({ code: 'protocol-version' });
  });

  it('reads a list page by page, whether or not the server counts it or knows pages', async () => {
    const records = Array.from({ length: 25 }, (_, index) => product(25 - index));
    const total = { 'X-Total-Count': '25' };
    const answers: Answer[] = [
      ({ path }) => listOf(records, path, total),
      ({ path }) => listOf(records, path),
      () => json(records),
      () => json(records, 200, total),
      // It gives 8 at most, whatever it is asked for (D-05).
      ({ path }) => listOf(records, path.replace(/limit=\d{2,}/, 'limit=8')),
    ];
    for (const answer of answers) {
      for (const pageSize of [2, 10, 25, 100]) {
        const { connection } = serverThat(answer, { pageSize });
        const downloaded = await downloadFrom(connection, 'products');
        expect(downloaded.records.map((record) => record['Code'])).toEqual(records.map((_, index) => index + 1));
        expect(downloaded.count).toBe(25);
      }
    }
  });

  it('begins a list again that moved while it was read, so that no record is missing', async () => {
    let records = Array.from({ length: 6 }, (_, index) => product(index + 1));
    let requests = 0;
    const { connection } = serverThat(
      ({ path }) => {
        requests += 1;
        if (requests === 2) records = records.slice(1);
        return listOf(records, path);
      },
      { pageSize: 3 },
    );
    const downloaded = await downloadFrom(connection, 'products');
    expect(downloaded.records.map((record) => record['Code'])).toEqual([2, 3, 4, 5, 6]);
  });

  it('reads a list of 200,000 records that a server gives whole', async () => {
    const records = Array.from({ length: 200_000 }, (_value, index) => ({ Code: index + 1 }));
    const { connection } = serverThat(() => json(records));
    expect((await downloadFrom(connection, 'products')).count).toBe(200_000);
  });

  it('takes no list that is shorter than its count, is none, or is empty text', async () => {
    const answers: [string, Answer][] = [
      ['server', () => json([product(1)], 200, { 'X-Total-Count': '3' })],
      ['server', () => json([], 200, { 'X-Total-Count': '3' })],
      ['not-our-server', () => json({ data: [] })],
      ['not-our-server', () => json([1])],
      ['not-our-server', () => new Response('', { status: 200 })],
      ['not-our-server', () => new Response('[{"Code":1', { headers: { 'Content-Type': 'application/json' } })],
    ];
    for (const [code, answer] of answers) {
      await expect(downloadFrom(serverThat(answer).connection, 'products')).rejects.toMatchObject({ code });
    }
    const empty = await downloadFrom(serverThat(() => json([])).connection, 'products');
    expect(empty.types).toEqual(['start', 'table', 'end', 'finish']);
  });

  it('says of a table that the user may not read that it was refused', async () => {
    const { connection } = serverThat(() => json({ code: 'forbidden' }, 403));
    expect((await downloadFrom(connection, 'products')).types).toEqual(['start', 'refused', 'finish']);
  });

  it('asks the server to filter only if it can', async () => {
    const scope = { type: 'filter', filter: parseFilter('Stock > 0 AND Code < 3'), params: {} } as const;
    const able = serverThat(({ path }) => listOf([product(1)], path), { filterParameter: 'where' });
    await downloadFrom(able.connection, 'products', scope);
    expect(new URL(able.asked[0]?.path ?? '', 'https://app.example').searchParams.get('where')).toBe(
      'Stock > 0 AND Code < 3',
    );
    const unable = serverThat(({ path }) => listOf([1, 2, 3, 4].map(product), path));
    const { records } = await downloadFrom(unable.connection, 'products', scope);
    expect(records.map((record) => record['Code'])).toEqual([1, 2]);
    expect(unable.asked[0]?.path).not.toContain('where');
  });

  it('asks another address for its ping, and takes any answer of a server but an error or a page', async () => {
    const { connection, asked } = serverThat(() => json({}, 404), { ping: '/health' });
    await connection.ping(callAs('ana'));
    expect(asked).toMatchObject([{ method: 'HEAD', path: '/health' }]);
    const failing = serverThat(() => new Response(null, { status: 502 }));
    await expect(failing.connection.ping(callAs('ana'))).rejects.toMatchObject({ code: 'server' });
  });

  it('tells another origin nothing of the user', async () => {
    const { connection, asked } = serverThat(() => json({}), { ping: 'https://api.example/health' });
    await connection.ping(callAs('ana'));
    expect(asked[0]?.headers.has('Sync-Expect-User')).toBe(false);
  });

  it('gives up on a server that falls silent', async () => {
    const context = contextAt('https://app.example', (_, init) => {
      return new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      });
    });
    const connection = restBackend({ stallMs: 5 }).connect(context);
    const { fault } = await uploadTo(connection, [create('visits', { id: newId() })]);
    expect(fault).toMatchObject({ code: 'network', retryable: true });
  });

  it('names the option that is wrong', () => {
    expect(() => restBackend({ headers: { idempotency: false } })).toThrow(/headers\.idempotency/);
    expect(() => restBackend({ concurrency: 0 })).toThrow(/concurrency/);
    expect(() => restBackend({ pageSize: 1 })).toThrow(/pageSize/);
  });
});
