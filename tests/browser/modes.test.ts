import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject } from '../../sw/protocol/record.ts';
import { ask, connected, Demo, stateOf } from './fixture.ts';

const demo = new Demo();
let token = '';
beforeAll(async () => {
  await demo.start();
  const signedIn = await atServer('POST', '/auth/sign-in', { user: 'ana' });
  if (isJsonObject(signedIn) && typeof signedIn['token'] === 'string') token = signedIn['token'];
});
afterAll(() => demo.stop());

const patience = { timeout: 15_000, interval: 200 };

/** What somebody else does, past every worker. */
async function atServer(method: string, path: string, record: object): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
  const answer = await fetch(`${demo.server.url}${path}`, { method, headers, body: JSON.stringify(record) });
  expect(answer.status).toBeLessThan(300);
  return answer.json();
}

function visit(id: string, more: object = {}): object {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

async function stockOf(code: number): Promise<unknown> {
  const rows = await demo.server.database.query('select "Stock" from products where "Code" = $1', [code]);
  return rows[0]?.['Stock'];
}

/** Lets nothing travel but in runs of this mode that were called for; resolves once another was refused an upload. */
function travelsOnlyIn(page: Page, mode: string): Promise<void> {
  return new Promise((resolve) => {
    demo.faults.plan = (passage) => {
      if (!passage.path.startsWith('/sync/')) return undefined;
      const going = page.evaluate('holdfast.state().then(({ run }) => run?.trigger === "call" && run.mode)');
      return going.then(async (called) => {
        if (called === mode) {
          (await passage.forward()).pass();
          return;
        }
        passage.drop();
        if (passage.path === '/sync/upload') resolve();
      });
    };
  });
}

/** Every notice from now on: on a busy machine one can come and go between two looks. */
const watchNotices = `(() => {
  const node = document.querySelector('.notices');
  globalThis.noticesSeen = [];
  globalThis.noticeWatch?.disconnect();
  globalThis.noticeWatch = new MutationObserver(() => globalThis.noticesSeen.push(node.innerText));
  globalThis.noticeWatch.observe(node, { subtree: true, childList: true, characterData: true });
})()`;

/** Clicks until the run is the button's own: one that began by itself may be in its way. */
async function press(page: Page, button: string, text: string): Promise<void> {
  await page.evaluate(watchNotices);
  const seen = (): Promise<string> => page.evaluate(`globalThis.noticesSeen.join('\\n')`);
  await expect
    .poll(async () => {
      const { syncing } = await stateOf(page);
      if (!syncing && !(await seen()).includes(text)) await page.getByTestId(button).click();
      return seen();
    }, patience)
    .toContain(text);
}

async function noteHere(page: Page, id: string): Promise<unknown> {
  const { body } = await ask(page, 'GET', `/api/visits/${id}`);
  return isJsonObject(body) ? body['note'] : undefined;
}

async function openAtServer(device: BrowserContext, path: string): Promise<Page> {
  const page = await device.newPage();
  await page.goto(`${demo.server.url}${path}`);
  await connected(page);
  await page.evaluate('holdfast.ready.then(() => null)');
  return page;
}

describe('the modes in Chromium (semantics, section 1)', () => {
  it('selected sends and refreshes the ticked visits alone, and says what became of each (S-03, S-04)', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    const refused = travelsOnlyIn(page, 'selected');
    const [ticked, other] = [randomUUID(), randomUUID()];
    expect((await ask(page, 'POST', '/api/visits', visit(ticked))).status).toBe(201);
    // From here on this one is what any attempt begins with: none gets as far as the other.
    await refused;
    expect((await ask(page, 'POST', '/api/visits', visit(other))).status).toBe(201);
    const asDraft = { 'Sync-Draft': 'true' };
    await ask(page, 'PATCH', '/api/visits/ana-visit-2', { note: 'not committed' }, asDraft);
    for (const id of ['ana-visit-1', 'ana-visit-3']) await atServer('PATCH', `/api/visits/${id}`, { note: 'newer' });
    await page.locator('nav a[href="/visits"]').click();
    for (const key of [ticked, 'ana-visit-1', 'ana-visit-2']) {
      await page.locator(`[data-testid=visit-row][data-key="${key}"] input[type=checkbox]`).check();
    }
    await press(page, 'sync-selected', '1 sent, 1 refreshed, 1 skipped: draft');
    expect(await demo.visitRows(ticked)).toHaveLength(1);
    expect(await demo.visitRows(other)).toEqual([]);
    expect(await demo.visitRows('ana-visit-2')).toMatchObject([{ note: 'Asked for larger boxes' }]);
    expect(await noteHere(page, 'ana-visit-1')).toBe('newer');
    expect(await noteHere(page, 'ana-visit-3')).toBe('Closed on Mondays');
    expect(await page.evaluate(`holdfast.statusOf('visits', '${other}').then((of) => of.code)`)).toBe(1);
    await device.close();
  });

  it('unsynchronized sends and leaves clean records alone; all refreshes them and brings new ones (S-01, S-02)', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    void travelsOnlyIn(page, 'unsynchronized');
    const [made, unknown] = [randomUUID(), randomUUID()];
    expect((await ask(page, 'POST', '/api/visits', visit(made))).status).toBe(201);
    await atServer('PATCH', '/api/visits/ana-visit-2', { note: 'newest' });
    await atServer('POST', '/api/visits', visit(unknown, { note: 'made elsewhere' }));
    await page.locator('nav a[href="/synchronization"]').click();
    await press(page, 'sync-unsynchronized', '1 sent, 0 received');
    expect(await demo.visitRows(made)).toHaveLength(1);
    expect(await noteHere(page, 'ana-visit-2')).toBe('Asked for larger boxes');
    void travelsOnlyIn(page, 'all');
    await press(page, 'sync-all', '0 sent');
    expect(await noteHere(page, 'ana-visit-2')).toBe('newest');
    expect(await noteHere(page, unknown)).toBe('made elsewhere');
    await device.close();
  });

  it('a conflict of two devices is compared on the page, and the choice reaches both (U-05)', async () => {
    const [device, otherDevice] = [await demo.device(), await demo.device()];
    const page = await demo.open(device, '/products');
    const other = await openAtServer(otherDevice, '/products');
    const stock = (tab: Page): ReturnType<Page['locator']> =>
      tab.locator('[data-testid=product-row][data-key="2"] [data-testid=product-stock]');
    await device.setOffline(true);
    await stock(page).fill('41');
    await stock(page).press('Tab');
    await expect.poll(async () => (await stateOf(page)).pending, patience).toBe(1);
    const before = await stockOf(2);
    await stock(other).fill('52');
    await stock(other).press('Tab');
    await expect.poll(() => stockOf(2), patience).toBe(52);
    await device.setOffline(false);
    await page.locator('[data-testid=product-row][data-key="2"] [data-testid=conflict-link]').click(patience);
    const field = page.locator('[data-testid=conflict][data-key="2"] [data-field=Stock]');
    expect((await field.innerText()).split(/\s+/)).toEqual([
      'Stock',
      'Before',
      String(before),
      'Mine',
      '41',
      'Server',
      '52',
    ]);
    expect(await page.getByTestId('conflict-resolve').isDisabled()).toBe(true);
    expect(await stockOf(2)).toBe(52);
    await field.getByTestId('choose-mine').check();
    await page.getByTestId('conflict-resolve').click();
    // What was resolved is sent without being asked for.
    await expect.poll(() => stockOf(2), patience).toBe(41);
    await expect.poll(() => stock(other).inputValue(), patience).toBe('41');
    await expect.poll(() => stateOf(page), patience).toMatchObject({ pending: 0, failures: 0 });
    await device.close();
    await otherDevice.close();
  });

  it('a rejected visit is exported, edited and sent; another is retried, a third given up (U-06, F-02)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, '/synchronization');
    const [edited, retried, given, rival] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const row = (id: string): ReturnType<Page['locator']> =>
      page.locator(`[data-testid=failure-row][data-key="${id}"]`);
    await atServer('POST', '/api/visits', visit(rival, { reference: 'TAKEN' }));
    await ask(page, 'POST', '/api/visits', visit(edited, { note: '' }));
    await ask(page, 'POST', '/api/visits', visit(retried, { reference: 'TAKEN' }));
    await ask(page, 'POST', '/api/visits', visit(given, { note: '#reject' }));
    for (const id of [edited, retried, given]) await row(id).waitFor();

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      row(edited).getByTestId('failure-export').click(),
    ]);
    const file: unknown = JSON.parse(await readFile(await download.path(), 'utf8'));
    expect(file).toMatchObject({ table: 'visits', key: edited, code: 'validation', content: { id: edited } });

    await row(given).getByTestId('failure-discard').click();
    await row(given).waitFor({ state: 'detached' });
    expect((await ask(page, 'GET', `/api/visits/${given}`)).status).toBe(404);

    await demo.server.database.query('delete from visits where id = $1', [rival]);
    await row(retried).getByTestId('failure-retry').click();
    await row(retried).waitFor({ state: 'detached' });
    await expect.poll(() => demo.visitRows(retried), patience).toHaveLength(1);

    await row(edited).getByTestId('failure-edit').click();
    await page.getByTestId('visit-note').fill('mended');
    await page.getByTestId('visit-save').click();
    await expect.poll(async () => (await demo.visitRows(edited))[0]?.['note'], patience).toBe('mended');
    await page.locator('nav a[href="/synchronization"]').click();
    await row(edited).getByTestId('failure-discard').click();
    await expect.poll(() => stateOf(page), patience).toMatchObject({ pending: 0, failures: 0 });
    expect(await noteHere(page, edited)).toBe('mended');
    await device.close();
  });
});
