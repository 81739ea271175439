import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { batchBackend } from '../../sw/backend/batch-backend.ts';
import { isWaiting } from '../../sw/sync/retry.ts';
import { getMeta } from '../../sw/store/meta.ts';
import { cuts } from '../support/faults/held-answer.ts';
import {
  answerWith,
  captivePortal,
  cutAt,
  drop,
  failAfter,
  type Fault,
  firstOf,
  loseAnswer,
  on,
  onNth,
  redirectToLogin,
  refuseWith,
  repeat,
} from '../support/faults/plans.ts';
import type { Passage } from '../support/faults/passage.ts';
import { createRandom } from '../support/faults/random.ts';
import { type Client, FaultStand } from './faults-fixture.ts';

const stand = new FaultStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

const endpoints = ['/sync/upload', '/sync/download', '/sync/ping'];

/** Where the table's copy stands, past the library. */
async function headOf({ session }: Client, table: string): Promise<{ cursor: string | null; generation: number }> {
  const { cursor, generation } = await session.database.read(['heads'], (tx) => session.base.readHead(tx, table));
  return { cursor, generation };
}

async function keysOf(client: Client, table: string): Promise<readonly unknown[]> {
  const { body } = await client.list(table);
  return Array.isArray(body) ? body.map((record) => JSON.stringify(record)).sort() : [];
}

describe('the network', () => {
  it.each<readonly [string, Fault]>([
    ['visibly', loseAnswer],
    ['behind a 500', failAfter(500)],
    ['behind a 502 page of a proxy', failAfter(502)],
    ['to a proxy that repeats', repeat],
  ])('loses the answer after it was applied, %s: nothing is lost, and nothing comes twice', async (_how, fault) => {
    const client = await stand.client();
    const [edited = '', deleted = ''] = await client.makeVisits(3);
    await client.run();
    await client.write('PATCH', 'visits', edited, ['note']);
    await client.write('DELETE', 'visits', deleted, null);
    await client.makeVisits(2);
    stand.faults.plan = onNth('/sync/upload', 1, fault);
    await client.run();
    // What was in flight is edited before it is settled.
    await client.write('PATCH', 'visits', edited, ['note']);
    await stand.holds();
    expect(stand.count('/sync/upload')).toBeGreaterThanOrEqual(3);
  });

  it('answers 500 to 10 % before applying and to 10 % after: 0 lost, 0 twice', async () => {
    const random = createRandom(7);
    const clients = [await stand.client(), await stand.client()];
    let faults = 0;
    stand.faults.plan = (passage: Passage) => {
      if (!passage.path.startsWith('/sync/')) return undefined;
      const draw = random();
      if (draw >= 0.2) return undefined;
      faults += 1;
      return draw < 0.1 ? refuseWith(500)(passage) : failAfter(500)(passage);
    };
    for (let round = 0; round < 30; round += 1) {
      for (const client of clients) {
        const [key = ''] = await client.makeVisits(1);
        await client.run('unsynchronized');
        await client.write('PATCH', 'visits', key, ['note']);
        await client.run(round % 10 === 0 ? 'all' : 'unsynchronized');
        client.device.advance(600_000);
      }
    }
    expect(faults).toBeGreaterThan(10);
    await stand.holds();
  });

  it('goes on and off every 200 ms for a minute, and onLine lies both ways: done within 30 s of quiet, no hot loop', async () => {
    const client = await stand.client();
    await client.run();
    stand.faults.seen.length = 0;
    let isOn = true;
    stand.faults.plan = (passage) => (isOn ? undefined : drop(passage));
    for (let step = 0; step < 300; step += 1) {
      isOn = step % 2 === 0;
      // The browser says the contrary for the first half, then what is true too late.
      client.device.claimsOnline = step < 150 ? !isOn : step % 3 === 0;
      if (step % 10 === 0) await client.makeVisits(1);
      await client.session.engine.requestRun(step % 4 === 0 ? 'online' : 'timer');
      client.device.advance(200);
    }
    // A run has two requests at least, and a fault is followed by a pause.
    expect(stand.faults.seen.length).toBeLessThan(300);
    stand.faults.plan = () => undefined;
    client.device.claimsOnline = true;
    for (let quiet = 0; quiet < 30 && (await client.state()).unsent.length > 0; quiet += 1) {
      client.device.advance(1_000);
      await client.session.engine.requestRun('online');
    }
    expect((await client.state()).unsent).toEqual([]);
    await stand.holds();
  });

  it.each<readonly [string, Fault]>([
    ['a page with 200', captivePortal],
    ['a redirect to a login page', redirectToLogin],
    ['JSON that is none of ours', answerWith(200, 'application/json', '{"ok":true}')],
    ['an empty 200 without a type', answerWith(200, '', '')],
    ['our JSON as text', answerWith(200, 'text/plain', '{"outcomes":[]}')],
  ])(
    'is a captive portal that gives %s: nothing acknowledged, cursor still, code not-our-server',
    async (_name, portal) => {
      const client = await stand.client();
      const [key = ''] = await client.makeVisits(1);
      await client.run();
      const [before, records] = [await headOf(client, 'visits'), await keysOf(client, 'places')];
      await client.write('PATCH', 'visits', key, ['note']);
      stand.faults.plan = on('/sync/upload', portal);
      expect(await client.run()).toBe('not-our-server');
      expect((await client.state()).unsent).toHaveLength(1);
      stand.faults.plan = firstOf(on(endpoints.slice(1), portal), on('/sync/upload', drop));
      await client.run();
      stand.faults.plan = on('/sync/download', portal);
      expect(await client.run()).toBe('not-our-server');
      expect(await headOf(client, 'visits')).toMatchObject({ cursor: before.cursor });
      expect(await keysOf(client, 'places')).toEqual(records);
      const call = { user: 'ana', headers: {}, signal: client.session.signal };
      stand.faults.plan = on('/sync/ping', portal);
      await expect(client.session.backend.ping(call)).rejects.toMatchObject({ code: 'not-our-server' });
      expect((await client.state()).failures).toEqual([]);
      await stand.holds();
    },
  );

  const inTenYears = 10 * 365 * 24 * 3_600;
  it.each<readonly [string, (now: number) => string, number, number]>([
    ['as seconds', () => '120', 120_000, 132_000],
    ['as a date', (now) => new Date(now + 300_000).toUTCString(), 299_000, 331_000],
    ['as a past date', (now) => new Date(now - 300_000).toUTCString(), 0, 1_000],
    ['of ten years', () => String(inTenYears), 3_600_000, 3_960_000],
    ['as a date in ten years', (now) => new Date(now + inTenYears * 1_000).toUTCString(), 3_600_000, 3_960_000],
    ['that is junk', () => 'tomorrow, perhaps', 0, 1_000],
  ])('says Retry-After %s: honoured, at most 1 h, with jitter', async (_name, header, least, most) => {
    const client = await stand.client();
    await client.makeVisits(1);
    const before = client.device.now;
    stand.faults.plan = (passage) =>
      passage.path === '/sync/upload' ? refuseWith(503, { 'Retry-After': header(before) })(passage) : undefined;
    expect(await client.run()).toBe('server');
    const backoff = await client.session.database.read(['meta'], (tx) => getMeta(tx, 'backoff'));
    const waitMs = (backoff?.until ?? 0) - before;
    expect(waitMs).toBeGreaterThanOrEqual(least);
    // The clock of the test goes on by a little with each look at it.
    expect(waitMs).toBeLessThanOrEqual(most + 1_000);
    stand.faults.plan = () => undefined;
    const sent = stand.count('/sync/upload');
    if (isWaiting(backoff ?? null, client.device.now)) {
      expect(await client.session.engine.requestRun('timer')).toBe(false);
      // Kept over the worker's end.
      await client.restart();
      client.session.database.close();
      expect(stand.count('/sync/upload')).toBe(sent);
      await client.restart();
    }
    client.device.advance(most + 1_000);
    expect(await client.session.engine.requestRun('timer')).toBe(true);
    await stand.holds();
  });

  it.each(cuts)('cuts a chunk (%s): cursor still, nothing deleted', async (cut) => {
    const client = await stand.client();
    const keys = await client.makeVisits(5);
    await client.run();
    const [before, places] = [await headOf(client, 'visits'), await keysOf(client, 'places')];
    for (const share of [0.2, 0.6, 0.97]) {
      for (const full of [false, true]) {
        stand.faults.plan = on('/sync/download', cutAt(cut, share));
        expect(await client.run('all', full)).toBe('network');
        expect(await headOf(client, 'visits')).toEqual(before);
        expect(await keysOf(client, 'places')).toEqual(places);
        client.device.advance(600_000);
      }
    }
    // The answer to an upload, too: none of it is believed.
    await client.write('PATCH', 'visits', keys[0] ?? '', ['note']);
    stand.faults.plan = on('/sync/upload', cutAt(cut, 0.7));
    expect(await client.run()).toBe('network');
    expect((await client.state()).unsent).toHaveLength(1);
    await stand.holds();
  });

  it('sends a download in drips: nothing shows before it is whole, and slowness is no silence', async () => {
    const client = await stand.client({ backend: batchBackend({ stallMs: 1_200 }) });
    stand.faults.plan = on('/sync/download', async (passage) => (await passage.forward()).drip(12, 250));
    const running = client.run();
    expect(await client.list('places', '?limit=1')).toMatchObject({ status: 503, body: { code: 'not-downloaded' } });
    expect(await running).toBe('finished');
    await stand.holds();
  });

  it.each(['/sync/upload', '/sync/download'])(
    'gives %s a head, then silence: the deadline ends it, and the next run goes on',
    async (path) => {
      const client = await stand.client({ backend: batchBackend({ stallMs: 1_200 }) });
      await client.makeVisits(2);
      const type = path === '/sync/upload' ? 'application/json' : 'application/x-ndjson';
      const headers = { 'Content-Type': type, 'Sync-Protocol': '1', 'Sync-User': 'ana' };
      stand.faults.plan = on(path, async (passage) => {
        await passage.body();
        passage.begin(200, headers, path === '/sync/upload' ? '{"protocol":1,' : '{"type":"start","protocol":1,');
      });
      expect(await client.run()).toBe('network');
      expect((await client.state()).failures).toEqual([]);
      await stand.holds();
    },
  );

  it.each(['/sync/download', '/sync/upload', '/sync/failures'])(
    'blocks %s alone: told as unreachable, and the others go on',
    async (path) => {
      const client = await stand.client();
      const keys = await client.makeVisits(2);
      await client.write('POST', 'visits', randomUUID(), ['note'], { rating: 9 });
      stand.faults.plan = on(path, drop);
      const isReport = path === '/sync/failures';
      expect(await client.run()).toBe(isReport ? 'partial' : 'network');
      const { rows } = {
        rows: await stand.fixture.server.database.query('select id from visits where id = any($1::text[])', [keys]),
      };
      expect(rows).toHaveLength(path === '/sync/upload' ? 0 : 2);
      const state = await client.page.state();
      expect(state).toMatchObject({ ok: true, value: { reachable: isReport } });
      await stand.holds();
    },
  );
});
