import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, connected, Demo, stateOf } from './fixture.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 100 };

function visit(id: string, note: string): object {
  return { id, date: '2026-04-01', note };
}

function synchronize(page: Page): Promise<void> {
  return page.evaluate("holdfast.synchronize({ mode: 'all', onBusy: 'queue' }).then(() => null)");
}

/** A change that nothing sends, because the server cannot be reached. */
async function writeOffline(page: Page, id: string, note: string): Promise<void> {
  await page.context().setOffline(true);
  expect((await ask(page, 'POST', '/api/visits', visit(id, note))).status).toBe(201);
  await expect.poll(async () => (await stateOf(page)).syncing, patience).toBe(false);
}

async function signOut(page: Page, choice: 'upload' | 'keep' | 'discard'): Promise<void> {
  await page.getByTestId('user-menu').locator('summary').click();
  await page.getByTestId(`unsent-${choice}`).check();
  await page.getByTestId('sign-out').click();
}

async function signIn(page: Page, user: string): Promise<void> {
  await page.getByTestId('user-menu').locator('summary').click();
  await page.getByTestId('user-menu').locator(`button[data-user=${user}]`).click();
  await page.locator(`[data-testid=user-menu][data-user=${user}]`).waitFor({ state: 'attached' });
  await connected(page);
}

describe('work that is not on the server yet, in Chromium', () => {
  it('is a draft over a reload and a run, until it is committed (S-01)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, '/visits/new');
    await page.getByTestId('visit-note').fill('begun on the way');
    await page.getByTestId('visit-keep').click();
    await page.getByTestId('draft-words').waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    await page.reload();
    await connected(page);
    await expect.poll(() => page.getByTestId('visit-note').inputValue(), patience).toBe('begun on the way');
    await synchronize(page);
    expect(await demo.visitRows(id)).toEqual([]);
    await page.goto(`${demo.faults.url}/visits`);
    await page.locator(`[data-testid=draft-row][data-key="${id}"] a`).click();
    await page.getByTestId('visit-note').fill('begun on the way, finished at home');
    await page.getByTestId('visit-save').click();
    await expect
      .poll(async () => (await demo.visitRows(id))[0]?.['note'], patience)
      .toBe('begun on the way, finished at home');
    expect(await page.evaluate("holdfast.drafts('visits')")).toEqual([]);
    await device.close();
  });

  it('is not shown to Ben, who signs in through the menu (invariant 12)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, '/visits');
    const id = randomUUID();
    const path = `/api/visits/${id}`;
    expect((await ask(page, 'POST', '/api/visits', visit(id, 'draft of Ana'), { 'Sync-Draft': 'true' })).status).toBe(
      201,
    );
    await page.locator(`[data-testid=draft-row][data-key="${id}"]`).waitFor();
    await signIn(page, 'ben');
    await page.evaluate('holdfast.ready.then(() => null)');
    expect(await page.getByTestId('draft-row').count()).toBe(0);
    expect((await ask(page, 'GET', path, undefined, { 'Sync-Draft': 'true' })).status).toBe(404);
    expect((await ask(page, 'GET', '/api/visits/ana-visit-1')).status).not.toBe(200);
    await signIn(page, 'ana');
    await page.locator(`[data-testid=draft-row][data-key="${id}"]`).waitFor();
    await device.close();
  });

  it('is kept by a sign-out, and sent after the next sign-in; no page claims that all is well meanwhile (A-06)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, '/visits');
    const id = randomUUID();
    await writeOffline(page, id, 'kept over a sign-out');
    await signOut(page, 'keep');
    await page.getByTestId('signed-out').waitFor();
    await expect.poll(() => page.getByTestId('online-state').textContent(), patience).toBe('Signed out');
    await device.setOffline(false);
    await page.goto(`${demo.faults.url}/synchronization`);
    await connected(page);
    await page.getByTestId('signed-out').waitFor();
    expect(await demo.visitRows(id)).toEqual([]);
    await signIn(page, 'ana');
    await expect.poll(() => demo.visitRows(id), patience).toHaveLength(1);
    await device.close();
  });

  it('is given up by a sign-out that discards, while one that cannot upload says why and changes nothing (A-06)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, '/visits');
    const id = randomUUID();
    await writeOffline(page, id, 'to be given up');
    await signOut(page, 'upload');
    await page.locator('.sign-out [role=alert]').waitFor();
    expect((await ask(page, 'GET', `/api/visits/${id}`)).status).toBe(200);
    await page.getByTestId('unsent-discard').check();
    await page.getByTestId('sign-out').click();
    await page.getByTestId('signed-out').waitFor();
    await device.setOffline(false);
    await signIn(page, 'ana');
    await page.evaluate('holdfast.ready.then(() => null)');
    await synchronize(page);
    expect(await demo.visitRows(id)).toEqual([]);
    expect((await ask(page, 'GET', `/api/visits/${id}`)).status).toBe(404);
    await device.close();
  });

  it('goes to another device as a file, and is on the server once, whoever sends it first (A-06)', async () => {
    const [first, second] = [await demo.device(), await demo.device()];
    const page = await demo.open(first, '/synchronization');
    const there = await demo.open(second, '/synchronization');
    const id = randomUUID();
    await writeOffline(page, id, 'carried over');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('export-unsent').click()]);
    const buffer = await readFile(await download.path());
    const chosen = { name: download.suggestedFilename(), mimeType: 'application/json', buffer };
    const broken = { ...chosen, buffer: Buffer.from('{}') };
    await there.getByTestId('import-unsent').setInputFiles(broken);
    await there.locator('[data-testid=import-problem][data-code=invalid-file]').waitFor();
    await there.getByTestId('import-unsent').setInputFiles(chosen);
    await expect.poll(() => there.getByTestId('import-result').textContent(), patience).toContain('1 change');
    await expect.poll(() => demo.visitRows(id), patience).toHaveLength(1);
    await first.setOffline(false);
    await synchronize(page);
    await synchronize(there);
    for (const each of [page, there]) expect(await stateOf(each)).toMatchObject({ pending: 0, failures: 0 });
    expect(await demo.visitRows(id)).toMatchObject([{ id, note: 'carried over' }]);
    await first.close();
    await second.close();
  });
});
