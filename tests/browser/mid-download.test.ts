import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, Demo, stopWorkers } from './fixture.ts';

// So many that the worker stores a part of them before the table's end.
const places = 24_000;
const demo = new Demo({ places });
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 60_000, interval: 100 };
const changed = 'AD-1';

/** The last place that the open download has stored, as a worker that starts now would find it. */
function stagedUpTo(page: Page): Promise<string | null> {
  return page.evaluate(
    () =>
      new Promise<string | null>((resolve, reject) => {
        const opening = indexedDB.open('holdfast:rounds:ana');
        opening.onerror = () => reject(new Error('The database cannot be opened.'));
        opening.onsuccess = () => {
          const database = opening.result;
          const asked = database.transaction('runs').objectStore('runs').get('staged:places');
          asked.onsuccess = () => {
            const row: unknown = asked.result;
            database.close();
            resolve(
              typeof row === 'object' && row !== null && 'lastKey' in row && typeof row.lastKey === 'string'
                ? row.lastKey
                : null,
            );
          };
        };
      }),
  );
}

/** Behind which place each request for a download asked to go on; null: from the begin. */
function resumesOf(bodies: readonly string[]): (string | null)[] {
  return bodies.map((body) => /"table":"places"[^\]]*?"resume":\{[^}]*"after":"([^"]+)"/.exec(body)?.[1] ?? null);
}

describe('a worker that is stopped in the middle of a download', () => {
  it('goes on behind the last stored piece, and nothing shows before it is whole (D-03, D-04, SPEC R-1)', async () => {
    const device = await demo.device();
    const bodies: string[] = [];
    let cut = false;
    demo.faults.plan = (passage) => {
      // The server's own news would begin runs of their own.
      if (passage.path === '/sync/live') {
        passage.answer(503, {}, '');
        return Promise.resolve();
      }
      if (!cut || passage.path !== '/sync/download') return undefined;
      return passage.forward().then((answer) => {
        bodies.push(answer.asked);
        if (bodies.length === 1) answer.passLines(places * 0.75);
        else answer.pass();
      });
    };
    const page = await demo.open(device);
    const before = await ask(page, 'GET', `/api/places/${changed}`);
    const name = `Renamed ${Date.now()}`;
    const answer = await fetch(`${demo.server.url}/api/places/${changed}`, {
      method: 'PATCH',
      headers: { Authorization: 'Bearer ben-demo', 'Content-Type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    expect(answer.status).toBe(200);
    cut = true;
    await page.evaluate("void holdfast.synchronize({ mode: 'all', full: true }).catch(() => null)");
    await expect.poll(() => stagedUpTo(page), patience).not.toBeNull();
    expect(await ask(page, 'GET', `/api/places/${changed}`)).toEqual(before);
    const after = await stagedUpTo(page);
    await stopWorkers(page);
    await expect
      .poll(async () => (await ask(page, 'GET', `/api/places/${changed}`)).body, patience)
      .toMatchObject({ name });
    const [first, second, ...others] = resumesOf(bodies);
    expect([first, others]).toEqual([null, []]);
    // Another piece may have been stored since that was read.
    expect(second && after && second >= after).toBe(true);
    const total = await page.evaluate(
      "fetch('/api/places?limit=1').then((list) => [list.headers.get('X-Total-Count'), list.headers.get('Sync-Source')])",
    );
    expect(total).toEqual([String(places), 'local']);
    await device.close();
  });
});
