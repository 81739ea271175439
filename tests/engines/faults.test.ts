import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineBrowser, EnginePage } from '../support/engines/engine.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { cuts } from '../support/faults/held-answer.ts';
import type { Plan } from '../support/faults/passage.ts';
import {
  answerWith,
  captivePortal,
  cutAt,
  failAfter,
  firstOf,
  on,
  redirectToLogin,
  refuseWith,
  withoutNews,
} from '../support/faults/plans.ts';
import { createRandom } from '../support/faults/random.ts';
import { ask, EngineDemo } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const patience = { timeout: 60_000, interval: 100 };

function visit(id: string, note: string): object {
  return { id, date: '2026-03-01', note };
}

describe.each(installedEngines())('under faults, %s', (engine) => {
  const demo = new EngineDemo(engine);
  let browser: EngineBrowser;
  let page: EnginePage;
  beforeAll(async () => {
    await demo.start();
    browser = await demo.launch();
    page = await demo.open(browser);
  });
  afterAll(() => demo.stop());
  beforeEach(() => {
    demo.faults.plan = withoutNews;
  });

  function under(...plans: readonly Plan[]): void {
    demo.faults.plan = firstOf(withoutNews, ...plans);
  }

  /** Faults off; until nothing is unsent. */
  async function quiet(): Promise<void> {
    under();
    await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
    expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
  }

  it('a request is sent again by the browser itself where a reused connection closes without a byte (fact 1)', async () => {
    let posts = 0;
    under((passage) => {
      if (passage.path !== '/control') return undefined;
      const isPost = passage.method === 'POST';
      if (isPost) posts += 1;
      return passage.body().then(() => {
        if (isPost && posts === 1) passage.drop();
        else passage.answer(200, { 'Content-Type': 'text/plain' }, 'ok');
      });
    });
    // A frame without the worker; connections are there from the requests before.
    const answered = await page.evaluate(`(async () => {
      for (let warm = 0; warm < 3; warm += 1) await (await fetch('/control')).text();
      return fetch('/control', { method: 'POST', body: 'once' }).then((answer) => answer.status, () => 0);
    })()`);
    // Two requests of one click. An engine that does not send again says so to the app.
    const outcomes =
      engine === 'webkit'
        ? [
            [200, 2],
            [0, 1],
          ]
        : [[200, 2]];
    expect(outcomes).toContainEqual([answered, posts]);
  });

  it('an upload whose reused connection closes without a byte, after it was applied, has one effect (U-03)', async () => {
    const id = randomUUID();
    const bodies: string[] = [];
    under((passage) => {
      if (passage.path !== '/sync/upload') return undefined;
      return passage.body().then(async (body) => {
        if (!body.includes(id)) {
          (await passage.forward()).pass();
          return;
        }
        bodies.push(body);
        const answer = await passage.forward();
        if (bodies.length > 1) {
          answer.pass();
          return;
        }
        await answer.swallow();
        passage.drop();
      });
    });
    await ask(page, 'POST', '/api/visits', visit(id, 'dropped'));
    await expect.poll(() => bodies.length, patience).toBeGreaterThanOrEqual(1);
    await quiet();
    expect(await demo.visitRows(id)).toMatchObject([{ note: 'dropped' }]);
    // With the first attempt already, the mutation id is there.
    expect(new Set(bodies).size).toBe(1);
  });

  it('10 % 500 before applying and 10 % after: 0 lost, 0 twice', async () => {
    const random = createRandom(11);
    let faults = 0;
    under((passage) => {
      if (passage.path !== '/sync/upload' && passage.path !== '/sync/download') return undefined;
      const draw = random();
      if (draw >= 0.2) return undefined;
      faults += 1;
      return draw < 0.1 ? refuseWith(500)(passage) : failAfter(500)(passage);
    });
    const ids = Array.from({ length: 16 }, () => randomUUID());
    const mark = randomUUID();
    for (const [index, id] of ids.entries()) {
      expect(await ask(page, 'POST', '/api/visits', visit(id, `${mark} made`))).toMatchObject({ status: 201 });
      await page.evaluate(settled);
      if (index % 2 === 0) await ask(page, 'PATCH', `/api/visits/${id}`, { note: `${mark} edited` });
    }
    expect(faults).toBeGreaterThan(2);
    await quiet();
    const rows = await demo.server.database.query('select id, note from visits where note like $1', [`${mark} %`]);
    const expected = ids.map((id, index) => ({ id, note: `${mark} ${index % 2 === 0 ? 'edited' : 'made'}` }));
    expect([...rows].sort((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))).toEqual(
      expected.sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  });

  it.each(cuts)('a chunk that is cut (%s) moves no cursor and deletes nothing (fact 12)', async (cut) => {
    const id = randomUUID();
    await ask(page, 'POST', '/api/visits', visit(id, 'there'));
    await quiet();
    const total = "fetch('/api/places?limit=1').then((list) => list.headers.get('X-Total-Count'))";
    const before = await page.evaluate(total);
    for (const share of [0.3, 0.97]) {
      under(on('/sync/download', cutAt(cut, share)));
      const ended =
        "holdfast.synchronize({ full: true, onBusy: 'queue' }).then((result) => result.outcome, (error) => error.code)";
      expect(await page.evaluate(ended)).toBe('network');
      expect(await page.evaluate(total)).toBe(before);
      expect(await ask(page, 'GET', `/api/visits/${id}`)).toMatchObject({ status: 200 });
    }
    await ask(page, 'PATCH', `/api/visits/${id}`, { note: `cut ${cut}` });
    under(on('/sync/upload', cutAt(cut, 0.6)));
    expect(await page.evaluate(settled)).toBe('network');
    expect(await ask(page, 'GET', `/api/visits/${id}`)).toMatchObject({ status$: 'not-synchronized' });
    await quiet();
    expect(await demo.visitRows(id)).toMatchObject([{ note: `cut ${cut}` }]);
  });

  it.each([
    ['a page with 200', captivePortal],
    ['a redirect to a login page', redirectToLogin],
    ['JSON that is none of ours', answerWith(200, 'application/json', '{"ok":true}')],
  ] as const)('a captive portal that gives %s acknowledges nothing (U-11)', async (_name, portal) => {
    const id = randomUUID();
    await quiet();
    under(on(['/sync/upload', '/sync/download', '/sync/ping'], portal));
    await ask(page, 'POST', '/api/visits', visit(id, 'portal'));
    expect(await page.evaluate(settled)).toBe('not-our-server');
    expect(await ask(page, 'GET', `/api/visits/${id}`)).toMatchObject({ status: 200, status$: 'not-synchronized' });
    expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 1, failures: 0 });
    await quiet();
    expect(await demo.visitRows(id)).toHaveLength(1);
  });

  it('a tab that is closed in the middle of the run that it called for: the lock is free, the run is finished', async () => {
    await quiet();
    const caller = await demo.open(browser);
    let isReached = false;
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    under((passage) => {
      if (passage.path !== '/sync/download') return undefined;
      isReached = true;
      return held.then(() => passage.forward()).then((answer) => answer.pass());
    });
    await caller.evaluate(`(void ${settled}, null)`);
    await expect.poll(() => isReached, patience).toBe(true);
    expect(await page.evaluate('holdfast.state()')).toMatchObject({ syncing: true });
    await caller.close();
    release();
    await expect
      .poll(() => page.evaluate('holdfast.state()'), patience)
      .toMatchObject({
        syncing: false,
        lastResult: { outcome: 'finished' },
      });
    await quiet();
  });

  it('a tab that is closed in mid-request leaves its write whole or absent', async () => {
    const mark = randomUUID();
    const big = 'x'.repeat(200_000);
    for (let round = 0; round < 3; round += 1) {
      const leaving = await demo.open(browser);
      await leaving.evaluate(`(() => {
        for (let n = 0; n < 10; n += 1) {
          const body = JSON.stringify({ note: '${mark} ' + n + ' ' + '${big}', date: '2026-03-01' });
          void fetch('/api/visits', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
        }
        return true;
      })()`);
      await leaving.close();
    }
    await quiet();
    const rows = await demo.server.database.query('select note from visits where note like $1', [`${mark} %`]);
    for (const { note } of rows) expect(String(note).length).toBeGreaterThan(big.length);
    const here = await page.evaluate(
      `fetch('/api/visits').then((list) => list.json()).then((all) => all.filter(({ note }) => note.startsWith('${mark}')).length)`,
    );
    expect(here).toBe(rows.length);
  });
});
