import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type Json } from '../../sw/protocol/record.ts';
import { getMeta } from '../../sw/store/meta.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const path = '/api/visits';

describe('what the server takes later', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  /** The server takes these later, and tells nobody that it has. Gives the keys and paths of each upload. */
  function taking({ device }: Opened, isLater: (change: Json) => boolean): Json[][] {
    const sent: Json[][] = [];
    device.network = async (at, forward, _headers, _method, body) => {
      if (at !== '/sync/upload') return forward();
      const upload = asObject(asJson(String(body)));
      const changes = arrayOf(upload['changes']);
      sent.push(changes.map((change) => asObject(change)['key'] ?? asObject(change)['path'] ?? null));
      const rest = { ...upload, changes: changes.filter((change) => !isLater(change)) };
      const like = await fixture.request('POST', at, { body: rest });
      const later = changes
        .filter(isLater)
        .map((change) => ({ type: 'later', mutationId: asObject(change)['mutationId'] ?? null, message: 'Not now.' }));
      const outcomes = [...arrayOf(asObject(like.body)['outcomes']), ...later];
      return new Response(JSON.stringify({ ...asObject(like.body), outcomes }), { headers: like.headers });
    };
    return sent;
  }

  async function run({ session }: Opened): Promise<unknown> {
    return session.engine.synchronize(randomUUID(), { mode: 'all', onPartial: 'return' }).then(
      ({ outcome }) => outcome,
      (error: unknown) => error,
    );
  }

  async function withVisit(opened: Opened): Promise<string> {
    const id = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${id}`, visit(id));
    expect(await run(opened)).toBe('finished');
    return id;
  }

  /** After so many attempts that the next one is some time off. */
  async function pausing() {
    const opened = await openDevice(fixture);
    const busy = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${busy}`, visit(busy));
    const sent = taking(opened, (change) => asObject(change)['key'] === busy);
    for (let attempts = 0; attempts < 8; attempts += 1) await run(opened);
    sent.length = 0;
    return { opened, engine: opened.session.engine, busy, sent };
  }

  it('keeps nothing else from being sent and downloaded, and the run has failed then', async () => {
    const opened = await openDevice(fixture);
    const [busy, other, elsewhere] = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of [busy, other]) await ask(opened.session, 'PUT', `${path}/${id}`, visit(id));
    await fixture.request('POST', path, { body: visit(elsewhere) });
    taking(opened, (change) => asObject(change)['key'] === busy);
    expect(await run(opened)).toMatchObject({
      code: 'server',
      retryable: true,
      details: { result: { outcome: 'failed' } },
    });
    expect((await see(opened.session, 'visits', other)).detail).toBe('clean');
    expect((await see(opened.session, 'visits', elsewhere)).record).toMatchObject({ id: elsewhere });
    expect((await see(opened.session, 'visits', busy)).detail).toBe('pending');
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it('and is of a group is tried once a run, and the group whole in the next', async () => {
    const opened = await openDevice(fixture);
    const [first, second] = [randomUUID(), randomUUID()];
    const members = [first, second].map((id) => ({ method: 'PUT', url: `${path}/${id}`, body: visit(id) }) as const);
    await valueOf(opened.page.group(members, {}));
    let uploads = 0;
    opened.device.network = async (at, forward, _headers, _method, body) => {
      if (at !== '/sync/upload') return forward();
      uploads += 1;
      const upload = asObject(asJson(String(body)));
      const [busy, other] = arrayOf(upload['changes']).map((change) => asObject(change)['mutationId'] ?? null);
      const like = await fixture.request('POST', at, { body: { ...upload, changes: [] } });
      const outcomes = [
        { type: 'later', mutationId: busy ?? null, message: 'Not now.' },
        { type: 'undone', mutationId: other ?? null, because: busy ?? null },
      ];
      return new Response(JSON.stringify({ ...asObject(like.body), outcomes }), { headers: like.headers });
    };
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect(uploads).toBe(1);
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    for (const id of [first, second]) expect((await see(opened.session, 'visits', id)).detail).toBe('clean');
  });

  it('and is a command has nothing of its record sent behind it, and the download goes on', async () => {
    const opened = await openDevice(fixture);
    const [id, elsewhere] = [randomUUID(), randomUUID()];
    await ask(opened.session, 'PUT', `${path}/${id}`, visit(id));
    expect(await run(opened)).toBe('finished');
    await fixture.request('POST', path, { body: visit(elsewhere) });
    await ask(opened.session, 'POST', `${path}/${id}/close`, {});
    await ask(opened.session, 'PATCH', `${path}/${id}`, { note: 'behind it' });
    const sent = taking(opened, (change) => isJsonObject(change) && 'path' in change);
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect(sent).toEqual([[`${path}/${id}/close`]]);
    expect((await see(opened.session, 'visits', elsewhere)).record).toMatchObject({ id: elsewhere });
  });

  it('and is all there is, ends the upload; the next run sends what is new first', async () => {
    const opened = await openDevice(fixture);
    const busy = Array.from({ length: 12 }, () => randomUUID());
    for (const id of busy) await ask(opened.session, 'PUT', `${path}/${id}`, visit(id));
    const elsewhere = randomUUID();
    await fixture.request('POST', path, { body: visit(elsewhere) });
    const sent = taking(opened, (change) => busy.some((id) => id === asObject(change)['key']));
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect(sent.length).toBe(1);
    expect((await see(opened.session, 'visits', elsewhere)).record).toMatchObject({ id: elsewhere });
    const added = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${added}`, visit(added));
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect(sent.slice(1)).toEqual([[added], busy]);
  });

  it('has the command on its record wait, and the download goes on (U-12)', async () => {
    const opened = await openDevice(fixture);
    const id = await withVisit(opened);
    await ask(opened.session, 'PATCH', `${path}/${id}`, { note: 'before it' });
    await ask(opened.session, 'POST', `${path}/${id}/close`, {});
    const sent = taking(opened, (change) => asObject(change)['key'] === id);
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect(sent).toEqual([[id]]);
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect((await fixture.request('GET', `${path}/${id}`)).body).toMatchObject({ note: 'before it', status: 'closed' });
  });

  it('has a group that refers to it wait', async () => {
    const opened = await openDevice(fixture);
    const id = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${id}`, visit(id));
    const task = (title: string) =>
      ({ method: 'POST', url: '/api/tasks', body: { visitId: id, title, afterId: null } }) as const;
    await valueOf(opened.page.group([task('one'), task('two')], {}));
    const sent = taking(opened, (change) => asObject(change)['key'] === id);
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect(sent).toEqual([[id]]);
    opened.device.network = (_at, forward) => forward();
    expect(await run(opened)).toBe('finished');
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it('and is selected keeps no other selected record back', async () => {
    const opened = await openDevice(fixture);
    const other = await withVisit(opened);
    const busy = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${busy}`, visit(busy));
    await ask(opened.session, 'PATCH', `${path}/${other}`, { note: 'before it' });
    await ask(opened.session, 'POST', `${path}/${other}/close`, {});
    const sent = taking(opened, (change) => asObject(change)['key'] === busy);
    const selection = { visits: [busy, other] };
    const selected = opened.session.engine.synchronize(randomUUID(), { mode: 'selected', selection });
    await expect(selected).rejects.toMatchObject({ code: 'server' });
    expect(sent).toEqual([[busy, other], [`${path}/${other}/close`]]);
    expect((await see(opened.session, 'visits', other)).record).toMatchObject({ status: 'closed' });
    expect((await see(opened.session, 'visits', busy)).detail).toBe('pending');
  });

  it('makes nothing else wait for its next attempt: a new write goes at once, and the server is heard (R-15, U-09)', async () => {
    const { opened, engine, busy, sent } = await pausing();
    const added = randomUUID();
    const until = await opened.session.database.read(['meta'], async (tx) => (await getMeta(tx, 'backoff'))?.until);
    expect(until).toBeGreaterThan(opened.device.now);
    expect(await engine.requestRun('timer')).toBe(false);
    await ask(opened.session, 'PUT', `${path}/${added}`, visit(added));
    expect(await engine.requestRun('write')).toBe(true);
    expect(sent).toEqual([[added]]);
    const elsewhere = randomUUID();
    await fixture.request('POST', path, { body: visit(elsewhere) });
    expect(await engine.requestRun('live')).toBe(true);
    expect((await see(opened.session, 'visits', elsewhere)).record).toMatchObject({ id: elsewhere });
    expect(sent).toHaveLength(1);
    expect(await opened.session.database.read(['meta'], async (tx) => (await getMeta(tx, 'backoff'))?.until)).toBe(
      until,
    );
    opened.device.advance(6 * 60_000);
    expect(await engine.requestRun('timer')).toBe(true);
    expect(sent.slice(1)).toEqual([[busy]]);
  });

  it('and is all there is, has what is new wait as well: it is the server that takes nothing (U-09)', async () => {
    const opened = await openDevice(fixture);
    for (let n = 0; n < 12; n += 1) {
      const id = randomUUID();
      await ask(opened.session, 'PUT', `${path}/${id}`, visit(id));
    }
    taking(opened, () => true);
    for (let attempts = 0; attempts < 8; attempts += 1) await run(opened);
    const added = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${added}`, visit(added));
    expect(await opened.session.engine.requestRun('write')).toBe(false);
  });

  it('and is a large group keeps no other from its turn', async () => {
    const opened = await openDevice(fixture);
    const members = Array.from({ length: 12 }, () => randomUUID());
    const group = members.map((id) => ({ method: 'PUT', url: `${path}/${id}`, body: visit(id) }) as const);
    await valueOf(opened.page.group(group, {}));
    const other = randomUUID();
    await ask(opened.session, 'PUT', `${path}/${other}`, visit(other));
    let isOtherBusy = true;
    taking(opened, (change) => {
      const key = asObject(change)['key'];
      return members.some((id) => id === key) || (isOtherBusy && key === other);
    });
    expect(await run(opened)).toMatchObject({ code: 'server' });
    isOtherBusy = false;
    expect(await run(opened)).toMatchObject({ code: 'server' });
    expect((await see(opened.session, 'visits', other)).detail).toBe('clean');
  });

  it('is tried by a call that comes while a run leaves it out (R-4, S-08)', async () => {
    const { opened, engine, busy, sent } = await pausing();
    const { network } = opened.device;
    const calls: Promise<unknown>[] = [];
    opened.device.network = (at, ...rest) => {
      if (at === '/sync/download' && calls.length === 0)
        calls.push(engine.synchronize('call', { mode: 'all', onBusy: 'join' }).catch((error: unknown) => error));
      return network(at, ...rest);
    };
    await engine.requestRun('live');
    expect(await Promise.all(calls)).toMatchObject([{ code: 'server' }]);
    expect(sent).toEqual([[busy]]);
  });

  it('lets what was written meanwhile go with the next sign of life, not with a write alone', async () => {
    const { opened, engine, sent } = await pausing();
    const added = randomUUID();
    expect(await engine.requestRun('timer')).toBe(false);
    await ask(opened.session, 'PUT', `${path}/${added}`, visit(added));
    expect(await engine.requestRun('background-sync')).toBe(true);
    expect(await engine.requestRun('background-sync')).toBe(false);
    expect(sent).toEqual([[added]]);
  });
});
