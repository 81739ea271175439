import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../sw/protocol/status.ts';
import { startFaultServer } from '../support/faults/fault-server.ts';
import type { Passage, Plan } from '../support/faults/passage.ts';
import { firstOf, on, refuseWith, untilReleased } from '../support/faults/plans.ts';
import { FaultStand, patience, type FaultClient } from './fault-stand.ts';
import { goOnAndOff } from './on-and-off.ts';

const stand = new FaultStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

/** Everything that the browser has stored for the app, as text. */
function storedText(client: FaultClient): Promise<string> {
  return client.page.evaluate(async () => {
    const asText = (_name: string, value: unknown): unknown =>
      value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? new TextDecoder().decode(value) : value;
    const parts: unknown[] = [Object.entries(localStorage), Object.entries(sessionStorage)];
    for (const { name = '' } of await indexedDB.databases()) {
      const rows = await new Promise<unknown>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onerror = () => reject(new Error(`${name} cannot be opened.`));
        opening.onsuccess = () => {
          const database = opening.result;
          const tx = database.transaction([...database.objectStoreNames]);
          const stores = [...database.objectStoreNames].map((store) => tx.objectStore(store).getAll());
          tx.oncomplete = () => {
            database.close();
            resolve(stores.map(({ result }): unknown => result));
          };
        };
      });
      parts.push(rows);
    }
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) parts.push(await (await cache.match(request))?.text());
    }
    return JSON.stringify(parts, asText);
  });
}

async function countOf(keys: readonly string[]): Promise<number> {
  const rows = await stand.server.database.query('select id from visits where id = any($1::text[])', [keys]);
  return rows.length;
}

/** An origin that lets the pages' one in, but not where `isBlocked` says so. */
function withCors(origin: string, isBlocked: (passage: Passage) => boolean): Plan {
  return async (passage) => {
    const allowed = {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'Sync-Protocol, Sync-User, Retry-After',
    };
    const headers: Record<string, string> = isBlocked(passage) ? {} : allowed;
    if (passage.method !== 'OPTIONS') {
      (await passage.forward()).pass(headers);
      return;
    }
    const wanted = String(passage.headers['access-control-request-headers']);
    const more = { 'Access-Control-Allow-Headers': wanted, 'Access-Control-Allow-Methods': 'GET, HEAD, POST' };
    passage.answer(204, { ...headers, ...more, 'Access-Control-Max-Age': '0' }, '');
  };
}

describe('the network in Chromium', () => {
  // `npm run test:long` does so for a minute.
  it('goes on and off every 200 ms, and onLine lies both ways: done within 30 s of quiet, no hot loop', async () => {
    await goOnAndOff(stand, await stand.client(), 20);
  });

  it('401 at entry k, the refresh fails once, the CSRF token changes twice: resumes at k with fresh headers, none in the store', async () => {
    const tokens = Array.from({ length: 3 }, () => `csrf-${randomUUID()}`);
    const secret = `secret-${randomUUID()}`;
    const posts: { readonly key: string; readonly status: number; readonly secret: unknown }[] = [];
    let [current, refusals, refused] = [0, 0, 0];
    const { fault, release } = untilReleased();
    stand.quietly = on('/token', async (passage) => {
      if (refusals === 0) {
        passage.answer(200, { 'Content-Type': 'text/plain' }, tokens[current] ?? '');
        return;
      }
      refusals -= 1;
      refused += 1;
      await refuseWith(503)(passage);
    });
    stand.faults.plan = firstOf(stand.quietly, (passage) => {
      if (passage.path !== '/api/visits' || passage.method !== 'POST') return undefined;
      // The third entry and the sixth find that the token has changed since it was fetched.
      if (posts.length === 2 || posts.length === 6) {
        current += 1;
        refusals = posts.length === 2 ? 1 : 0;
      }
      const { 'idempotency-key': key, 'x-csrf': csrf, 'x-secret': sent } = passage.headers;
      const isFresh = csrf === tokens[current];
      posts.push({ key: String(key), status: isFresh ? 201 : 401, secret: sent });
      return isFresh ? fault(passage) : refuseWith(401)(passage);
    });
    const client = await stand.client({ rest: 1, token: true });
    await client.signIn({ headers: { 'X-Secret': secret } });
    await client.makeVisits(9);
    release();
    const statuses = (): readonly number[] => posts.map(({ status }) => status);
    const isStopped = async (): Promise<unknown> => [statuses(), (await client.state()).authRequired];
    await expect.poll(isStopped, patience).toEqual([[201, 201, 401], true]);
    // The app signs in again; the first time no token can be had.
    await client.signIn();
    await expect.poll(() => client.run({ mode: 'unsynchronized' }), patience).not.toBe('no-credentials');
    expect(refused).toBe(1);
    await expect.poll(isStopped, patience).toEqual([[201, 201, 401, 201, 201, 201, 401], true]);
    await client.signIn();
    await expect.poll(() => client.run({ mode: 'unsynchronized' }), patience).toBe('finished');
    expect(posts[3]?.key).toBe(posts[2]?.key);
    expect(posts[7]?.key).toBe(posts[6]?.key);
    expect(new Set(posts.map(({ key }) => key)).size).toBe(9);
    expect(posts).toHaveLength(11);
    expect(new Set(posts.map((post) => post.secret))).toEqual(new Set([secret]));
    const stored = await storedText(client);
    expect(stored).toContain('visits');
    for (const each of [...tokens, secret, `${client.user}-demo`]) expect(stored).not.toContain(each);
    await stand.holds(client);
  });

  it.each([
    ['422', 'validation'],
    ['403', 'forbidden'],
  ] as const)(
    '%s for 1 of 1,000, the parent of 5: 1 + 5 parked with their cause, 994 sent',
    { timeout: 300_000 },
    async (_status, code) => {
      const client = await stand.client();
      const parent = randomUUID();
      // Somebody else has made a record of this key, which this user may not see.
      if (code === 'forbidden') await stand.makeVisit(await stand.newUser(), parent);
      const { fault, release } = untilReleased();
      stand.faults.plan = on('/sync/upload', fault);
      const good = await client.makeVisits(500);
      await client.make('visits', [{ id: parent, ...(code === 'validation' ? { rating: 9 } : {}) }]);
      const lines = Array.from({ length: 5 }, () => randomUUID());
      const line = { visitId: parent, productCode: 1, quantity: 1, price: 2 };
      await client.make(
        'lines',
        lines.map((id) => ({ id, ...line })),
      );
      const rest = await client.makeVisits(494);
      release();
      expect(await client.run({ mode: 'unsynchronized' })).toBe('partial');
      const failures = await client.page.evaluate<readonly Failure[]>('holdfast.failures({ limit: 100 })');
      expect(failures.filter(({ key }) => key === parent)).toMatchObject([{ code }]);
      const detailOf = (table: string, key: string): Promise<string> =>
        client.page.evaluate(`holdfast.statusOf('${table}', '${key}').then(({ detail }) => detail)`);
      expect(await detailOf('visits', parent)).toBe('rejected');
      // What is said of a line is either its parent's refusal, or the server's own word on it.
      const own = failures.filter(({ table }) => table === 'lines');
      for (const id of lines) expect(await detailOf('lines', id)).toBe(own.length === 0 ? 'blocked' : 'rejected');
      expect(own.map((failure) => failure.code)).toEqual(code === 'validation' ? [] : lines.map(() => code));
      const { unsent } = await client.stored();
      const waiting = unsent.filter(({ table }) => table === 'lines');
      expect(waiting).toHaveLength(5);
      const cause = code === 'validation' ? JSON.stringify({ table: 'visits', key: parent }) : `"code":"${code}"`;
      for (const { text } of waiting) expect(text).toContain(cause);
      expect(unsent).toHaveLength(6);
      expect(await countOf([...good, ...rest])).toBe(994);
      await stand.holds(client);
    },
  );

  it.each(['/sync/upload', '/sync/download'])(
    'gives %s a head, then silence: the deadline ends it, and the next run goes on',
    async (path) => {
      const client = await stand.client({ stallMs: 1_200 });
      const type = path === '/sync/upload' ? 'application/json' : 'application/x-ndjson';
      const headers = { 'Content-Type': type, 'Sync-Protocol': '1', 'Sync-User': client.user };
      let silences = 0;
      stand.faults.plan = on(path, async (passage) => {
        await passage.body();
        silences += 1;
        passage.begin(200, headers, path === '/sync/upload' ? '{"protocol":1,' : '{"type":"start","protocol":1,');
      });
      const keys = await client.makeVisits(2);
      expect(await client.run()).toBe('network');
      expect(silences).toBeGreaterThan(0);
      expect(await client.state()).toMatchObject({ failures: 0, reachable: false });
      expect(await countOf(keys)).toBe(path === '/sync/upload' ? 0 : 2);
      await stand.holds(client);
    },
  );

  it.each([
    ['/sync/download', 'its preflight', 'network'],
    ['/sync/upload', 'its preflight', 'network'],
    ['/sync/upload', 'its answers alone', 'network'],
    ['/sync/failures', 'its preflight', 'partial'],
  ] as const)(
    'has %s blocked by CORS, %s, while others work: told as unreachable, and the others go on',
    async (path, what, outcome) => {
      const elsewhere = await startFaultServer(stand.server.url);
      try {
        const isBlocked = (passage: Passage): boolean => passage.path === path;
        elsewhere.plan = withCors(stand.faults.url, () => false);
        const client = await stand.client({ sync: `${elsewhere.url}/sync` });
        elsewhere.plan = withCors(
          stand.faults.url,
          (passage) => isBlocked(passage) && (what === 'its preflight' || passage.method !== 'OPTIONS'),
        );
        const keys = await client.makeVisits(2);
        // One that is refused, so that there is a failure to report.
        await client.make('visits', [{ rating: 9 }]);
        elsewhere.seen.length = 0;
        await expect.poll(() => client.run(), patience).toBe(outcome);
        const seen = elsewhere.seen.filter((request) => request.path === path).map(({ method }) => method);
        expect(seen).toContain('OPTIONS');
        expect(seen.includes('POST')).toBe(what !== 'its preflight');
        expect(await client.state()).toMatchObject({ reachable: outcome === 'partial' });
        expect(await countOf(keys)).toBe(path === '/sync/upload' && what === 'its preflight' ? 0 : 2);
        elsewhere.plan = withCors(stand.faults.url, () => false);
        await stand.holds(client);
        expect(await countOf(keys)).toBe(2);
      } finally {
        await elsewhere.close();
      }
    },
  );
});
