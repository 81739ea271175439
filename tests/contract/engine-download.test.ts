import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { readMany, readOne } from '../../sw/router/read-route.ts';
import type { Table, TableOptions } from '../../sw/store/schema.ts';
import { readState } from '../../sw/sync/state.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see, signal, write, type Device } from './engine-fixture.ts';
import { network, noNetwork, openDevice, valueOf, visit } from './engine-page.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const both: Readonly<Record<string, TableOptions>> = {
  places: { path: '/api/places', key: 'id', columns: { country: 'string' } },
  visits: { path: '/api/visits', key: 'id' },
};
const visits: Readonly<Record<string, TableOptions>> = { visits: { path: '/api/visits', key: 'id' } };

/** Changes the lines of each download; the requests for them are kept. */
function rewriting(device: Device, rewrite: (lines: readonly string[]) => readonly string[]): JsonObject[][] {
  const asked: JsonObject[][] = [];
  device.network = async (path, forward, _headers, _method, body) => {
    const answer = await forward();
    if (path !== '/sync/download') return answer;
    if (typeof body === 'string') asked.push(arrayOf(asObject(asJson(body))['tables']).map(asObject));
    const lines = (await answer.text()).split('\n');
    return new Response(rewrite(lines).join('\n'), { headers: answer.headers });
  };
  return asked;
}

function isMark(line: string, type: string, table?: string): boolean {
  const named = table === undefined || line.includes(`"table":${JSON.stringify(table)}`);
  return line.startsWith(`{"type":${JSON.stringify(type)}`) && named;
}

function tableIn(session: OpenSession, name: string): Table {
  const table = session.schema.tables.get(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

describe('a download', () => {
  it('whose count is not ours is followed by a full one, with every change kept (D-02)', async () => {
    const { device, session } = await openDevice(fixture, visits);
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id) });
    await session.engine.synchronize('first', {});
    const lie = (line: string): string => (isMark(line, 'end') ? line.replace(/"count":\d+/, '"count":9999') : line);
    const asked = rewriting(device, (lines) => lines.map(lie));
    // The count is looked at when so many small pieces have come that they are merged.
    for (let round = 0; round < 13; round += 1) {
      await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: `round ${round}` } });
      await session.engine.synchronize(`round-${round}`, {});
    }
    expect(asked.every(([table]) => typeof table?.['cursor'] === 'string')).toBe(true);
    const head = (): Promise<{ cursor: string | null }> =>
      session.database.read(['heads'], (tx) => session.base.readHead(tx, 'visits'));
    await vi.waitFor(async () => expect((await head()).cursor).toBeNull(), { timeout: 10_000 });
    const made = randomUUID();
    await write(session, 'visits', made, visit(made, { rating: 9 }));
    const again = rewriting(device, (lines) => lines);
    await session.engine.synchronize('again', {});
    expect(again[0]?.[0]?.['cursor'] ?? null).toBeNull();
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'round 12' });
    expect(await see(session, 'visits', made)).toMatchObject({ detail: 'rejected', record: { rating: 9 } });
  });

  it('that is cut goes on behind the tables that it had ended, in the next worker too, and shows all at once (D-04)', async () => {
    const { device, worker, session } = await openDevice(fixture, both);
    const asked = rewriting(device, (lines) => [
      ...lines.slice(0, lines.findIndex((line) => isMark(line, 'end', 'places')) + 1),
      '',
    ]);
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ retryable: true });
    expect(asked[0]?.map(({ table }) => table)).toEqual(['places', 'visits']);
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    worker.kill();
    const next = await device.startWorker().sessions.current();
    const rest = rewriting(device, (lines) => lines);
    expect(await next.engine.synchronize('again', {})).toMatchObject({
      tables: { places: { downloaded: 50 } },
    });
    // Of what had come only what is newer is asked for.
    expect(rest[0]?.map(({ table, cursor }) => [table, typeof cursor])).toEqual([
      ['places', 'string'],
      ['visits', 'object'],
    ]);
    expect((await see(next, 'places', 'AD-1')).record).not.toBeNull();
  });

  it('that never ends stops at its next piece when another worker is to go on, which asks for the rest only (R-6a, D-04)', async () => {
    const { device, worker, session } = await openDevice(fixture, both);
    const part = signal();
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/sync/download') return answer;
      const lines = (await answer.text()).split('\n').map((line) => `${line}\n`);
      const end = lines.findIndex((line) => isMark(line, 'end', 'places')) + 1;
      const encoder = new TextEncoder();
      const body = new ReadableStream<Uint8Array>({
        start: async (controller) => {
          controller.enqueue(encoder.encode(lines.slice(0, end).join('')));
          await part.given;
          controller.enqueue(encoder.encode(lines.slice(end, -2).join('')));
        },
      });
      return new Response(body, { headers: answer.headers });
    };
    const run = session.engine.synchronize('call', {});
    const isStaged = async (): Promise<void> => {
      const runs = await session.database.read(['runs'], (tx) => tx.objectStore('runs').getAll());
      expect(JSON.stringify(runs)).toContain('"end":{');
    };
    await vi.waitFor(isStaged, { timeout: 10_000 });
    worker.replace();
    part.give();
    await expect(run).rejects.toMatchObject({ code: 'worker-lost' });
    expect(await readState(session)).toMatchObject({ syncing: true, ready: false });
    worker.kill();
    const next = await device.startWorker().sessions.current();
    const asked = rewriting(device, (lines) => lines);
    expect(await next.engine.requestRun('start')).toBe(true);
    expect(asked.map((tables) => tables.map(({ table }) => table))).toEqual([['visits']]);
    expect(await readState(next)).toMatchObject({ syncing: false, ready: true });
  });

  it.each([
    ['nothing but its first and last mark', (line: string) => isMark(line, 'start') || isMark(line, 'finish')],
    ['no end mark', (line: string) => !isMark(line, 'end', 'visits')],
    ['no last mark', (line: string) => !isMark(line, 'finish')],
  ])('with %s is no empty list: nothing is removed (D-05)', async (_what, isKept) => {
    const { device, session } = await openDevice(fixture, both);
    await session.engine.synchronize('first', {});
    rewriting(device, (lines) => lines.filter((line) => line === '' || isKept(line)));
    await expect(session.engine.synchronize('full', { full: true })).rejects.toMatchObject({ retryable: true });
    expect((await see(session, 'visits', 'ana-visit-1')).record).not.toBeNull();
    expect((await see(session, 'places', 'AD-1')).record).not.toBeNull();
  });

  it('that says of an empty list that it is complete is believed (D-05)', async () => {
    const { device, session } = await openDevice(fixture, both);
    await session.engine.synchronize('first', {});
    let table = '';
    rewriting(device, (lines) =>
      lines.flatMap((line) => {
        if (isMark(line, 'table')) table = isMark(line, 'table', 'visits') ? 'visits' : 'other';
        if (table !== 'visits' || isMark(line, 'table')) return [line];
        if (isMark(line, 'finish') || line === '') return [line];
        return isMark(line, 'end') ? [line.replace(/"count":\d+/, '"count":0')] : [];
      }),
    );
    expect(await session.engine.synchronize('full', { full: true })).toMatchObject({ outcome: 'finished' });
    expect((await see(session, 'visits', 'ana-visit-1')).record).toBeNull();
    expect((await see(session, 'places', 'AD-1')).record).not.toBeNull();
  });

  it('of a table that the role may not read empties it with a warning; the run goes on, and changes stay (C-02)', async () => {
    const { device, session } = await openDevice(fixture, both);
    await session.engine.synchronize('first', {});
    rewriting(device, (lines) => {
      let isPlaces = false;
      return lines.flatMap((line) => {
        if (isMark(line, 'table')) isPlaces = isMark(line, 'table', 'places');
        if (!isPlaces) return [line];
        if (isMark(line, 'end')) isPlaces = false;
        return isMark(line, 'end')
          ? [JSON.stringify({ type: 'refused', table: 'places', message: 'This role may not read places.' })]
          : [];
      });
    });
    // Written after the upload began, the change is not part of it.
    const refusing = device.network;
    const late = randomUUID();
    device.network = async (path, ...rest) => {
      if (path === '/sync/download')
        await write(session, 'places', late, { id: late, name: 'Late', lat: 1, lng: 1, country: 'XX' });
      return refusing(path, ...rest);
    };
    const result = await session.engine.synchronize('again', {});
    expect(result).toMatchObject({ outcome: 'finished', warnings: ['This role may not read places.'] });
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    expect(await see(session, 'places', late)).toMatchObject({ detail: 'pending', record: { name: 'Late' } });
    expect((await see(session, 'visits', 'ana-visit-1')).record).not.toBeNull();
    expect(await readState(session)).toMatchObject({ ready: true });
  });
});

describe('a table that goes one way', () => {
  const row = { id: '', name: 'Mine', lat: 1, lng: 1, country: 'XX' };

  it('up is sent and not downloaded (C-04)', async () => {
    const { session } = await openDevice(fixture, {
      places: { path: '/api/places', key: 'id', direction: 'up' },
      ...visits,
    });
    const id = randomUUID();
    await write(session, 'places', id, { ...row, id });
    const result = await session.engine.synchronize('call', {});
    expect(result.tables['places']).toMatchObject({ uploaded: 1, downloaded: 0 });
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    expect((await fixture.fetch(`/api/places/${id}`)).status).toBe(200);
  });

  it('down is downloaded, and nothing of it is sent (C-04)', async () => {
    const { session, page } = await openDevice(fixture, {
      places: { path: '/api/places', key: 'id', direction: 'down' },
      ...visits,
    });
    const id = randomUUID();
    await write(session, 'places', id, { ...row, id });
    const result = await session.engine.synchronize('call', {});
    expect(result.tables['places']).toMatchObject({ uploaded: 0, downloaded: 51 });
    expect((await fixture.fetch(`/api/places/${id}`)).status).toBe(404);
    expect(await page.setStatus('places', 'not-synchronized', 'id IS NOT NULL', {})).toMatchObject({
      ok: false,
      error: { code: 'unsupported' },
    });
  });

  it('local is neither, counts nowhere as pending, stays, and keeps nobody from signing out (C-04)', async () => {
    const { session, page } = await openDevice(fixture, {
      places: { path: '/api/places', key: 'id', direction: 'local' },
      ...visits,
    });
    const id = randomUUID();
    await write(session, 'places', id, { ...row, id });
    expect(await valueOf(page.pending())).toEqual({ total: 0, sendable: 0, tables: {}, commands: 0 });
    expect(await readState(session)).toMatchObject({ pending: 0 });
    expect(await valueOf(page.whyNotSyncing())).toEqual({ type: 'nothing-to-do' });
    const result = await session.engine.synchronize('call', { full: true });
    expect(result).toMatchObject({ outcome: 'finished', uploaded: 0 });
    expect(result.tables['places']).toBeUndefined();
    expect((await see(session, 'places', id)).record).toMatchObject({ name: 'Mine' });
    expect((await see(session, 'places', 'AD-1')).record).toBeNull();
    expect((await fixture.fetch(`/api/places/${id}`)).status).toBe(404);
    expect(await valueOf(page.signOut({ unsent: 'upload' }))).toBe(true);
  });
});

describe('what is not here', () => {
  const ask = (path: string): Request => new Request(`https://app.test${path}`);

  it('before the first download is asked of the network, with what is changed here laid over it; offline it is 503 not-downloaded (D-08)', async () => {
    const { device, session } = await openDevice(fixture, visits);
    const table = tableIn(session, 'visits');
    const [mine, theirs, deleted] = [randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', mine, visit(mine, { note: 'mine' }));
    device.network = (path) =>
      Promise.resolve(
        path === '/api/visits'
          ? Response.json([visit(theirs), visit(mine, { note: 'older' })])
          : Response.json(visit(theirs, { note: 'from the network' })),
      );
    const list: unknown = await (await readMany(session, table, ask('/api/visits'))).json();
    expect(list).toEqual([visit(theirs), visit(mine, { note: 'mine' })]);
    const one = await readOne(session, table, theirs, ask(`/api/visits/${theirs}`));
    expect([one.headers.get('Sync-Source'), await one.json()]).toEqual([
      'network',
      visit(theirs, { note: 'from the network' }),
    ]);
    device.network = noNetwork;
    for (const refused of [
      readMany(session, table, ask('/api/visits')),
      readOne(session, table, deleted, ask(`/api/visits/${deleted}`)),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'not-downloaded' });
    expect(await (await readOne(session, table, mine, ask(`/api/visits/${mine}`))).json()).toMatchObject({
      note: 'mine',
    });
    device.network = network;
    await session.engine.synchronize('call', {});
    device.network = noNetwork;
    await expect(readOne(session, table, deleted, ask(`/api/visits/${deleted}`))).rejects.toMatchObject({
      code: 'not-found',
    });
    expect((await readMany(session, table, ask('/api/visits'))).headers.get('Sync-Source')).toBe('local');
  });

  it('of a filtered table is asked of the network too, offline not-held; its lists carry Sync-Scope (D-08)', async () => {
    const { device, session } = await openDevice(fixture, {
      places: { ...both['places'], path: '/api/places', key: 'id', scope: { filter: "country = 'AE'" } },
    });
    await session.engine.synchronize('call', {});
    const table = tableIn(session, 'places');
    device.network = noNetwork;
    await expect(readOne(session, table, 'AD-1', ask('/api/places/AD-1'))).rejects.toMatchObject({ code: 'not-held' });
    const list = await readMany(session, table, ask('/api/places'));
    expect([list.headers.get('Sync-Scope'), list.headers.get('Sync-Source')]).toEqual(['filter', 'local']);
    device.network = () => Promise.resolve(Response.json({ id: 'AD-1', name: 'From the network' }));
    const one = await readOne(session, table, 'AD-1', ask('/api/places/AD-1'));
    expect(await one.json()).toMatchObject({ name: 'From the network' });
  });

  it('of a table of which nothing is kept is not-held offline, never an empty list (D-08)', async () => {
    const { device, session } = await openDevice(fixture, {
      places: { path: '/api/places', key: 'id', scope: 'nothing-clear' },
      ...visits,
    });
    await session.engine.synchronize('call', {});
    device.network = noNetwork;
    const table = tableIn(session, 'places');
    await expect(readMany(session, table, ask('/api/places'))).rejects.toMatchObject({ code: 'not-held' });
    await expect(readOne(session, table, 'AD-1', ask('/api/places/AD-1'))).rejects.toMatchObject({ code: 'not-held' });
  });
});
