import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SyncError } from '../../sw/protocol/errors.ts';
import { isJsonObject, type Json } from '../../sw/protocol/record.ts';
import { see, tasks } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, asText, Fixture } from './server-fixture.ts';

const path = '/api/visits';
const withTasks = { visits: { path, key: 'id' }, tasks } as const;
const send = { mode: 'unsynchronized', onPartial: 'return' } as const;

describe('a batch that the server does not take whole', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  async function run({ session }: Opened, mode: 'unsynchronized' | 'all' = 'unsynchronized'): Promise<string> {
    return session.engine.synchronize(randomUUID(), { ...send, mode }).then(
      ({ outcome }) => outcome,
      (error: unknown) => (error instanceof SyncError ? error.code : 'failed'),
    );
  }

  async function isThere(id: string): Promise<boolean> {
    return (await fixture.request('GET', `${path}/${id}`)).status === 200;
  }

  async function make(opened: Opened, count: number, more: object = {}): Promise<string[]> {
    const ids = Array.from({ length: count }, () => randomUUID());
    for (const id of ids) await ask(opened.session, 'PUT', `${path}/${id}`, visit(id, { ...more }));
    return ids;
  }

  /** Refuses uploads with what `refuse` gives; null: it takes them. Gives how many changes each upload had. */
  function refusing(
    { device }: Opened,
    refuse: (changes: readonly Json[], length: number) => Response | null,
  ): number[] {
    const sizes: number[] = [];
    device.network = (at, forward, _headers, _method, body) => {
      if (at !== '/sync/upload') return forward();
      const changes = arrayOf(asObject(asJson(String(body)))['changes']);
      sizes.push(changes.length);
      const refusal = refuse(changes, String(body).length);
      return refusal === null ? forward() : Promise.resolve(refusal);
    };
    return sizes;
  }

  const nginx = (): Response =>
    new Response('<html>413 Request Entity Too Large</html>', {
      status: 413,
      headers: { 'Content-Type': 'text/html' },
    });
  const broken = (): Response =>
    new Response('{"code":"broken"}', { status: 500, headers: { 'Content-Type': 'application/problem+json' } });
  const names = (changes: readonly Json[], key: string): boolean =>
    changes.some((change) => isJsonObject(change) && change['key'] === key);

  it('since a proxy takes no request of its size goes out in halves, and so does the next one at once', async () => {
    const opened = await openDevice(fixture);
    const ids = await make(opened, 8, { note: 'n'.repeat(100) });
    const sizes = refusing(opened, (_changes, length) => (length > 2_000 ? nginx() : null));
    expect(await run(opened)).toBe('finished');
    expect(await Promise.all(ids.map(isThere))).toEqual(ids.map(() => true));
    const before = sizes.length;
    await make(opened, 8, { note: 'n'.repeat(100) });
    expect(await run(opened)).toBe('finished');
    expect(Math.max(...sizes.slice(before))).toBeLessThan(8);
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it('names what the first half made by the keys that the server gave it', async () => {
    const opened = await openDevice(fixture, withTasks);
    const [visitId = ''] = await make(opened, 1);
    let afterId: Json = null;
    for (const title of ['one', 'two', 'three', 'four']) {
      const { body } = await ask(opened.session, 'POST', '/api/tasks', { visitId, title, afterId });
      afterId = asObject(body)['id'] ?? null;
    }
    const sizes = refusing(opened, (changes) => (changes.length > 1 ? nginx() : null));
    expect(await run(opened)).toBe('finished');
    expect(Math.max(...sizes.slice(-2))).toBe(1);
    const made = await fixture.server.database.query(
      'select a.title, b.title as after from tasks a left join tasks b on b.id = a."afterId" where a."visitId" = $1 order by a.id',
      [visitId],
    );
    expect(made).toEqual([
      { title: 'one', after: null },
      { title: 'two', after: 'one' },
      { title: 'three', after: 'two' },
      { title: 'four', after: 'three' },
    ]);
  });

  it('is not made of commands whose bodies are more than a batch holds', async () => {
    const opened = await openDevice(fixture);
    const ids = await make(opened, 3);
    expect(await run(opened)).toBe('finished');
    for (const id of ids) {
      const { status } = await ask(opened.session, 'POST', `${path}/${id}/close`, { signature: 's'.repeat(1_500_000) });
      expect(status).toBe(202);
    }
    const sizes = refusing(opened, () => null);
    await run(opened);
    expect(sizes).toEqual([2, 1]);
  });

  it('has the one change alone rejected that is too large by itself', async () => {
    const opened = await openDevice(fixture);
    const [large = ''] = await make(opened, 1, { note: 'n'.repeat(5_000) });
    const ids = await make(opened, 5);
    refusing(opened, (_changes, length) => (length > 4_000 ? nginx() : null));
    expect(await run(opened)).toBe('partial');
    expect(await Promise.all(ids.map(isThere))).toEqual(ids.map(() => true));
    expect((await see(opened.session, 'visits', large)).detail).toBe('rejected');
    expect(await valueOf(opened.page.failures({}))).toMatchObject([{ key: large, code: 'too-large', retriable: true }]);
    expect(await run(opened)).toBe('finished');
  });

  it('and is a group stays whole: all of it is kept, and named as too large', async () => {
    const opened = await openDevice(fixture);
    const ids = [randomUUID(), randomUUID()];
    await valueOf(
      opened.page.group(
        ids.map((id) => ({ method: 'PUT', url: `${path}/${id}`, body: visit(id, { note: 'n'.repeat(3_000) }) })),
        {},
      ),
    );
    const [other = ''] = await make(opened, 1);
    const sizes = refusing(opened, (_changes, length) => (length > 4_000 ? nginx() : null));
    expect(await run(opened)).toBe('partial');
    expect(sizes).not.toContain(0);
    expect(await isThere(other)).toBe(true);
    expect(await Promise.all(ids.map(isThere))).toEqual([false, false]);
    for (const id of ids) expect((await see(opened.session, 'visits', id)).record).toMatchObject({ id });
    const failures = await valueOf(opened.page.failures({}));
    expect(failures.map(({ code }) => code)).toContain('too-large');
  });

  it('since it fails at one change delivers the others at the second try, downloads, and keeps that one', async () => {
    const opened = await openDevice(fixture);
    const ids = await make(opened, 20);
    const bad = ids[7] ?? '';
    const elsewhere = randomUUID();
    await fixture.request('POST', path, { body: visit(elsewhere) });
    const sizes = refusing(opened, (changes) => (names(changes, bad) ? broken() : null));
    expect(await run(opened)).toBe('server');
    expect(sizes).toEqual([20]);
    expect(await run(opened, 'all')).toBe('server');
    expect(await Promise.all(ids.map(isThere))).toEqual(ids.map((id) => id !== bad));
    expect((await see(opened.session, 'visits', elsewhere)).record).toMatchObject({ id: elsewhere });
    expect((await see(opened.session, 'visits', bad)).detail).toBe('pending');
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect(await isThere(bad)).toBe(true);
  });

  it('since it fails at everything is not cut to pieces again and again', async () => {
    const opened = await openDevice(fixture);
    await make(opened, 200);
    const sizes = refusing(opened, broken);
    await run(opened);
    expect(sizes).toEqual([200]);
    await run(opened);
    expect(sizes.length).toBeLessThan(50);
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it.each([3, 4, 6])('since it fails at %i changes, keeps neither the others nor the download back', async (count) => {
    const opened = await openDevice(fixture);
    const bad = await make(opened, count);
    const elsewhere = randomUUID();
    await fixture.request('POST', path, { body: visit(elsewhere) });
    const sizes = refusing(opened, (changes) => (bad.some((id) => names(changes, id)) ? broken() : null));
    const good = await make(opened, 1);
    for (let runs = 0; runs < 3; runs += 1) expect(await run(opened, 'all')).toBe('server');
    expect((await see(opened.session, 'visits', elsewhere)).record).toMatchObject({ id: elsewhere });
    // What is known to be kept back goes last.
    expect(await Promise.all(good.map(isThere))).toEqual([true]);
    const before = sizes.length;
    good.push(...(await make(opened, 3)));
    expect(await run(opened, 'all')).toBe('server');
    expect(sizes[before]).toBe(3);
    expect(await Promise.all(good.map(isThere))).toEqual(good.map(() => true));
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened, 'all')).toBe('finished');
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it('since it fails at so much that the upload ends, begins behind that the next time', async () => {
    const opened = await openDevice(fixture);
    const bad = await make(opened, 4);
    const members = [randomUUID(), randomUUID()];
    const group = members.map((id) => ({ method: 'PUT', url: `${path}/${id}`, body: visit(id) }) as const);
    await valueOf(opened.page.group(group, {}));
    const others = [...members, ...(await make(opened, 1))];
    const failing = [...bad, ...others];
    refusing(opened, (changes) => (failing.some((id) => names(changes, id)) ? broken() : null));
    for (let runs = 0; runs < 4; runs += 1) expect(await run(opened)).toBe('server');
    failing.length = bad.length;
    for (let runs = 0; runs < 2; runs += 1) expect(await run(opened)).toBe('server');
    expect(await Promise.all(others.map(isThere))).toEqual([true, true, true]);
  });

  it('and is asked for in its turn with too many that fail, comes before them the next time', async () => {
    const opened = await openDevice(fixture);
    const bad = await make(opened, 4);
    const [other = ''] = await make(opened, 1);
    const failing = [...bad, other];
    refusing(opened, (changes) => (failing.some((id) => names(changes, id)) ? broken() : null));
    for (let runs = 0; runs < 4; runs += 1) expect(await run(opened)).toBe('server');
    failing.length = bad.length;
    for (let runs = 0; runs < 3; runs += 1) expect(await run(opened)).toBe('server');
    expect(await isThere(other)).toBe(true);
  });

  it('since it fails at a group sends what was made behind that', async () => {
    const opened = await openDevice(fixture);
    const members = [randomUUID(), randomUUID()];
    const group = members.map((id) => ({ method: 'PUT', url: `${path}/${id}`, body: visit(id) }) as const);
    await valueOf(opened.page.group(group, {}));
    const [other = ''] = await make(opened, 1);
    refusing(opened, (changes) => (members.some((id) => names(changes, id)) ? broken() : null));
    for (let runs = 0; runs < 2; runs += 1) expect(await run(opened)).toBe('server');
    expect(await isThere(other)).toBe(true);
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect(await Promise.all(members.map(isThere))).toEqual([true, true]);
  });

  it.each(['moved away', 'deleted'])('since it fails at a record that was %s keeps its parent (N-1)', async (how) => {
    const opened = await openDevice(fixture);
    const [from = '', to = ''] = await make(opened, 2);
    const line = randomUUID();
    await fixture.request('PUT', '/api/products/1', { body: { Code: 1, Name: 'p', Stock: 1 } });
    const content = { id: line, visitId: from, productCode: 1, quantity: 1, price: 2 };
    await ask(opened.session, 'PUT', `/api/lines/${line}`, content);
    expect(await run(opened)).toBe('finished');
    if (how === 'deleted') await ask(opened.session, 'DELETE', `/api/lines/${line}`);
    else await ask(opened.session, 'PATCH', `/api/lines/${line}`, { visitId: to });
    await ask(opened.session, 'DELETE', `${path}/${from}`);
    refusing(opened, (changes) => (names(changes, line) ? broken() : null));
    for (let runs = 0; runs < 3; runs += 1) expect(await run(opened)).toBe('server');
    expect(await isThere(from)).toBe(true);
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect(await isThere(from)).toBe(false);
    const left = await fixture.request('GET', `/api/lines/${line}`);
    expect(left.status).toBe(how === 'deleted' ? 404 : 200);
    expect(await valueOf(opened.page.failures({}))).toEqual([]);
  });

  it('and was taken all the same makes no second record of what waits and is edited meanwhile (O2)', async () => {
    const opened = await openDevice(fixture, withTasks);
    const [visitId = ''] = await make(opened, 1);
    const parent = asObject(
      (await ask(opened.session, 'POST', '/api/tasks', { visitId, title: 'one', afterId: null })).body,
    );
    const afterId = parent['id'] ?? null;
    const child = asObject((await ask(opened.session, 'POST', '/api/tasks', { visitId, title: 'two', afterId })).body);
    opened.device.network = async (at, forward, _headers, _method, body) => {
      const isBad = at === '/sync/upload' && String(body).includes('"one"');
      const answer = await forward();
      return isBad ? broken() : answer;
    };
    for (let runs = 0; runs < 2; runs += 1) expect(await run(opened)).toBe('server');
    await ask(opened.session, 'PATCH', `/api/tasks/${asText(child['id'])}`, { title: 'two, edited' });
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    const made = await fixture.server.database.query('select title from tasks where "visitId" = $1 order by id', [
      visitId,
    ]);
    expect(made).toEqual([{ title: 'one' }, { title: 'two, edited' }]);
  });

  it('since it fails at a new record that is then deleted here leaves another one of that key alone (O5)', async () => {
    const opened = await openDevice(fixture, {
      products: { path: '/api/products', key: 'Code', columns: { Code: 'number' } },
    });
    await ask(opened.session, 'POST', '/api/products', { Code: 77, Name: 'mine', Stock: 1 });
    refusing(opened, broken);
    for (let runs = 0; runs < 2; runs += 1) expect(await run(opened)).toBe('server');
    await ask(opened.session, 'DELETE', '/api/products/77');
    const theirs = { Code: 77, Name: 'theirs', Stock: 1 };
    expect((await fixture.request('POST', '/api/products', { body: theirs })).status).toBe(201);
    opened.device.network = (_at, forward) => forward();
    await run(opened);
    expect((await fixture.request('GET', '/api/products/77')).body).toMatchObject({ Name: 'theirs' });
  });
});
