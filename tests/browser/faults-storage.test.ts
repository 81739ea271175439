import { randomBytes, randomUUID } from 'node:crypto';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstOf, on, refuseWith, withoutNews, withScript } from '../support/faults/plans.ts';
import { ask, connected, Demo, stateOf, stopWorkers } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 50 };
const databaseName = 'holdfast:rounds:ana';

function visit(id: string): object {
  return { id, date: '2026-03-01', note: 'a note' };
}

/** Opens the user's database in the page under a version of one's own, and holds the connection. */
function holdDatabase(page: Page, version?: number): Promise<unknown> {
  return page.evaluate(`new Promise((resolve, reject) => {
    const opening = indexedDB.open('${databaseName}', ${String(version)});
    opening.onsuccess = () => { globalThis.connection = opening.result; resolve(null); };
    opening.onerror = () => reject(opening.error);
  })`);
}

describe('the storage', () => {
  it('of a newer version of the app is a typed error to the old worker, and nothing is deleted', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    demo.faults.plan = firstOf(withoutNews, on('/sync/upload', refuseWith(503)));
    const id = randomUUID();
    expect((await ask(page, 'POST', '/api/visits', visit(id))).status).toBe(201);
    await expect.poll(async () => (await stateOf(page)).syncing, patience).toBe(false);
    await holdDatabase(page, 4_000_000_000);
    await stopWorkers(page);
    const refused = await ask(page, 'POST', '/api/visits', visit(randomUUID()));
    expect(refused).toMatchObject({ status: 503, body: { code: 'protocol-version' } });
    expect(JSON.stringify(refused.body)).toMatch(/newer version of the app.*reload/);
    const kept = await page.evaluate(`new Promise((resolve) => {
      const asked = connection.transaction('changes').objectStore('changes').getAll();
      asked.onsuccess = () => resolve(asked.result.map(({ key }) => key));
    })`);
    expect(kept).toContain(id);
    await device.close();
  });

  it('that an old worker holds in the old format is told as storage-blocked in 5 s, and goes on by itself when it is free', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const holder = await device.newPage();
    await holder.goto(`${demo.faults.url}/icons/rounds.svg`);
    // A connection that does not hear that another version wants the database.
    await holdDatabase(holder);
    demo.faults.plan = firstOf(
      withScript(demo.server.url, (script) => script.replace(/(name:.rounds.,version:)1/, '$12')),
      withoutNews,
    );
    await page.evaluate(
      `(globalThis.told = [], holdfast.addEventListener('storage-blocked', () => told.push('storage-blocked')), null)`,
    );
    await page.evaluate(
      'navigator.serviceWorker.getRegistration().then((registration) => registration.update()).then(() => null)',
    );
    await expect.poll(() => page.evaluate('holdfast.update()'), patience).toBe(true);
    const read = ask(page, 'GET', '/api/visits/ana-visit-1');
    await expect
      .poll(() => page.evaluate<readonly string[]>('told'), { timeout: 5_000, interval: 50 })
      .toContain('storage-blocked');
    await holder.evaluate('connection.close()');
    expect((await read).status).toBe(200);
    expect(await page.evaluate(settled)).toBe('finished');
    await device.close();
  });

  it('that is not there at all, as in a private window, means online only: said so, and requests go to the network', async () => {
    const device = await demo.device();
    demo.faults.plan = firstOf(
      withScript(
        demo.server.url,
        (script) => `Object.defineProperty(self, 'indexedDB', { value: undefined });\n${script}`,
      ),
      withoutNews,
    );
    const page = await device.newPage();
    await page.goto(demo.faults.url);
    await page.waitForFunction('navigator.serviceWorker.controller !== null');
    await page.evaluate(
      "fetch('/auth/sign-in', { method: 'POST', body: JSON.stringify({ user: 'ana' }), headers: { 'Content-Type': 'application/json' } }).then(() => null)",
    );
    const id = randomUUID();
    expect((await ask(page, 'POST', '/api/visits', visit(id))).status).toBe(201);
    expect(await demo.visitRows(id)).toHaveLength(1);
    expect(await ask(page, 'GET', `/api/visits/${id}`)).toMatchObject({ status: 200, body: { note: 'a note' } });
    expect(await page.evaluate(`fetch('/api/visits/${id}').then(({ headers }) => headers.get('Sync-Source'))`)).toBe(
      'network',
    );
    await page.getByText('gives the app no database').first().waitFor();
    await device.setOffline(true);
    expect(await ask(page, 'POST', '/api/visits', visit(randomUUID()))).toMatchObject({
      status: 503,
      body: { code: 'online-only' },
    });
    await device.close();
  });

  it('that is full at a write answers with quota, never with success, and takes writes again when there is room', async () => {
    const device = await demo.device();
    const page = await device.newPage();
    const session = await device.newCDPSession(page);
    // Before anything is written: a later override does not reach databases that are open.
    await session.send('Storage.overrideQuotaForOrigin', { origin: demo.faults.url, quotaSize: 12_000_000 });
    await page.goto(demo.faults.url);
    await connected(page);
    await page.evaluate('holdfast.ready.then(() => null)');
    demo.faults.plan = firstOf(withoutNews, on('/sync/upload', refuseWith(503)));
    // What a database could pack would not fill it.
    const note = randomBytes(750_000).toString('base64');
    const stored: string[] = [];
    let refusal: { readonly status: number; readonly body: unknown } | null = null;
    for (let round = 0; round < 40 && refusal === null; round += 1) {
      const id = randomUUID();
      const answer = await ask(page, 'POST', '/api/visits', { id, date: '2026-03-01', note: `${round} ${note}` });
      if (answer.status === 201) stored.push(id);
      else refusal = answer;
    }
    expect(refusal).toMatchObject({ status: 507, body: { code: 'quota' } });
    expect(stored.length).toBeGreaterThan(0);
    for (const id of stored) expect((await ask(page, 'GET', `/api/visits/${id}`)).status).toBe(200);
    expect((await stateOf(page)).pending).toBe(stored.length);
    await session.send('Storage.overrideQuotaForOrigin', { origin: demo.faults.url });
    await stopWorkers(page);
    demo.faults.plan = withoutNews;
    await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
    for (const id of stored) expect(await demo.visitRows(id)).toHaveLength(1);
    // The next device has less room than that.
    await demo.server.database.query('delete from visits where id = any($1::text[])', [stored]);
    await device.close();
  });

  it('that is full in mid-download drops what was staged, keeps the copy, and still takes small writes', async () => {
    const device = await demo.device();
    const page = await device.newPage();
    const session = await device.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: demo.faults.url, quotaSize: 8_000_000 });
    await page.goto(demo.faults.url);
    await connected(page);
    await page.evaluate('holdfast.ready.then(() => null)');
    const total = "fetch('/api/places?limit=1').then((list) => list.headers.get('X-Total-Count'))";
    const before = await page.evaluate(total);
    // Somebody else has filled the server with what does not fit here.
    const big = randomBytes(375_000).toString('base64');
    await demo.server.database.query(
      "insert into visits (id, date, note, _owner, _version, _edited, _xact, _text) select 'big-' || n, null, $1, 'ana', nextval('sync_version'), 1, pg_current_xact_id(), json_build_object('id', 'big-' || n, 'note', $1::text)::text from generate_series(1, 40) as n",
      [big],
    );
    demo.faults.plan = withoutNews;
    expect(await page.evaluate(settled)).toBe('quota');
    expect(await page.evaluate(total)).toBe(before);
    const id = randomUUID();
    expect((await ask(page, 'POST', '/api/visits', visit(id))).status).toBe(201);
    await demo.server.database.query("delete from visits where id like 'big-%'");
    await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
    expect(await demo.visitRows(id)).toHaveLength(1);
    await device.close();
  });
});
