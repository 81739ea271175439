import { randomUUID } from 'node:crypto';
import { openDB } from 'idb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import { readFailures } from '../../sw/store/failures.ts';
import { refuseWith } from '../support/faults/plans.ts';
import { type Client, FaultStand } from './faults-fixture.ts';
import { see } from './engine-fixture.ts';

const stand = new FaultStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

/** Everything that a device has stored for ana, as text. */
async function storedText(client: Client): Promise<string> {
  const database = await openDB(client.session.database.name);
  const rows = await Promise.all([...database.objectStoreNames].map((store) => database.getAll(store)));
  database.close();
  return JSON.stringify(rows);
}

describe('refusals', () => {
  it('401 at entry k, the refresh fails once, the CSRF token changes twice: resumes at k with fresh headers, none in the store', async () => {
    const secrets = ['csrf-one', 'csrf-two', 'csrf-three'];
    let [current, known, refreshes] = [0, 0, 0];
    const client = await stand.client({
      backend: restBackend({ idempotency: 'key', concurrency: 1 }),
      headers: () => {
        if (known < 0) {
          refreshes += 1;
          if (refreshes === 1) throw new TypeError('The token could not be fetched.');
          known = current;
        }
        return { Authorization: 'Bearer ana-demo', 'X-CSRF': secrets[known] ?? '' };
      },
    });
    await client.makeVisits(9);
    const posts: { readonly key: string; readonly status: number }[] = [];
    stand.faults.plan = (passage) => {
      if (passage.path !== '/api/visits' || passage.method !== 'POST') return undefined;
      const key = String(passage.headers['idempotency-key']);
      // The third entry and the sixth find that the token has changed.
      if (posts.length === 2 || posts.length === 6) current += 1;
      const isFresh = passage.headers['x-csrf'] === secrets[current];
      posts.push({ key, status: isFresh ? 201 : 401 });
      return isFresh ? undefined : refuseWith(401)(passage);
    };
    expect(await client.run('unsynchronized')).toBe('auth-required');
    expect(posts.map(({ status }) => status)).toEqual([201, 201, 401]);
    expect(await client.session.engine.requestRun('timer')).toBe(false);
    // The app signs in again; the first time it cannot get a token.
    known = -1;
    await client.page.signIn({ user: 'ana' });
    expect(await client.run('unsynchronized')).toBe('no-credentials');
    expect(posts).toHaveLength(3);
    client.device.advance(600_000);
    expect(await client.run('unsynchronized')).toBe('auth-required');
    expect(posts.map(({ status }) => status)).toEqual([201, 201, 401, 201, 201, 201, 401]);
    known = -1;
    await client.page.signIn({ user: 'ana' });
    expect(await client.run('unsynchronized')).toBe('finished');
    expect(posts[3]?.key).toBe(posts[2]?.key);
    expect(posts[7]?.key).toBe(posts[6]?.key);
    expect(new Set(posts.map(({ key }) => key)).size).toBe(9);
    expect(posts).toHaveLength(11);
    const stored = await storedText(client);
    for (const secret of [...secrets, 'ana-demo']) expect(stored).not.toContain(secret);
    await stand.holds();
  });

  it.each([
    ['422, in a batch', 'batch', 422],
    ['422, one request each', 'rest', 422],
    ['403, one request each', 'rest', 403],
  ] as const)(
    '%s for 1 of 1,000, the parent of 5: 1 + 5 parked with their cause, 994 sent',
    async (_name, kind, status) => {
      const backend = kind === 'rest' ? { backend: restBackend({ idempotency: 'key' }) } : {};
      const client = await stand.client(backend);
      await client.run();
      const good = await client.makeVisits(500);
      const parent = randomUUID();
      await client.write('POST', 'visits', parent, ['note'], status === 422 ? { rating: 9 } : {});
      const lines = Array.from({ length: 5 }, () => randomUUID());
      for (const id of lines) {
        const line = { visitId: parent, productCode: 1, quantity: 1, price: 2 };
        expect(await client.write('POST', 'lines', id, [], line)).toBe(201);
      }
      const rest = await client.makeVisits(494);
      if (status === 403) {
        stand.faults.plan = (passage) => {
          if (passage.method !== 'POST' || passage.path !== '/api/visits') return undefined;
          return passage
            .body()
            .then((body) =>
              body.includes(parent)
                ? refuseWith(403, {}, 'forbidden')(passage)
                : passage.forward().then((answer) => answer.pass()),
            );
        };
      }
      expect(await client.run('unsynchronized')).toBe('partial');
      const failures = await readFailures(client.session.database, { limit: 100, offset: 0 });
      expect(failures.filter(({ key }) => key === parent)).toMatchObject([
        { code: status === 422 ? 'validation' : 'forbidden' },
      ]);
      expect((await see(client.session, 'visits', parent)).detail).toBe('rejected');
      for (const id of lines) expect((await see(client.session, 'lines', id)).detail).toBe('blocked');
      const waiting = (await client.state()).unsent.filter(({ table }) => table === 'lines');
      expect(waiting).toHaveLength(5);
      for (const { text } of waiting) expect(text).toContain(JSON.stringify({ table: 'visits', key: parent }));
      const keys = [...good, ...rest];
      const rows = await stand.fixture.server.database.query('select id from visits where id = any($1::text[])', [
        keys,
      ]);
      expect(rows).toHaveLength(994);
      expect((await client.state()).unsent).toHaveLength(6);
      await stand.holds();
    },
  );
});
