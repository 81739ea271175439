import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { launchProfile } from '../support/chromium.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { firstOf, on, refuseWith, withoutNews } from '../support/faults/plans.ts';
import { ask, connected, Demo, stateOf } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 50 };
const count = 6;
const noted = `caches.open('holdfast:rounds')
  .then((cache) => cache.match('/.holdfast/' + encodeURIComponent('holdfast:rounds:ana')))
  .then((answer) => answer?.json()).then((note) => note?.unsent ?? null)`;

let profile = '';
let device: BrowserContext;

async function launch(): Promise<void> {
  device = await launchProfile(profile);
}

beforeEach(async () => {
  profile = mkdtempSync(path.join(tmpdir(), 'holdfast-damaged-'));
  await launch();
});
afterEach(async () => {
  await device.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** The files of Chromium's databases, by the end of their names. */
function databaseFiles(ending: RegExp): readonly string[] {
  return readdirSync(path.join(profile, 'Default/IndexedDB'), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.parentPath.endsWith('.leveldb') && ending.test(file.name))
    .map((file) => path.join(file.parentPath, file.name));
}

function sizesOfLogs(): ReadonlyMap<string, number> {
  return new Map(databaseFiles(/\.log$/).map((file) => [file, statSync(file).size]));
}

/** Writes that are stored and not sent, and how long the database's log was before them. */
async function writeUnsent(): Promise<{
  readonly ids: readonly string[];
  readonly before: ReadonlyMap<string, number>;
}> {
  demo.faults.plan = withoutNews;
  const page = await demo.open(device);
  expect(await page.evaluate(settled)).toBe('finished');
  demo.faults.plan = firstOf(withoutNews, on(['/sync/upload', '/sync/download'], refuseWith(503)));
  const before = sizesOfLogs();
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) {
    expect(await ask(page, 'POST', '/api/visits', { id, date: '2026-03-01', note: 'unsent' })).toMatchObject({
      status: 201,
    });
  }
  await expect.poll(() => page.evaluate(noted), patience).toBe(count);
  return { ids, before };
}

interface Loss {
  readonly pending: number;
  readonly storageReset: { readonly details: { readonly atLeast: number } } | null;
}

/** The page of the browser that finds the damage; the server cannot be reached yet. */
async function reopen(): Promise<{ readonly page: Page; readonly loss: Loss }> {
  await launch();
  const page = await device.newPage();
  await page.goto(demo.faults.url);
  await connected(page);
  await expect.poll(async () => (await page.evaluate<Loss>('holdfast.state()')).storageReset, patience).not.toBeNull();
  expect(await page.evaluate(settled)).not.toBe('finished');
  const loss = await page.evaluate<Loss>('holdfast.state()');
  expect(loss.storageReset).not.toBeNull();
  return { page, loss };
}

async function downloadAll(page: Page): Promise<void> {
  const downloads: string[] = [];
  demo.faults.plan = firstOf(withoutNews, (passage) => {
    if (passage.path !== '/sync/download') return undefined;
    return passage.body().then(async (body) => {
      downloads.push(body);
      (await passage.forward()).pass();
    });
  });
  await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
  expect(downloads.length).toBeGreaterThan(0);
  expect(downloads.filter((body) => body.includes('"cursor":"'))).toEqual([]);
  expect(await stateOf(page)).toMatchObject({ user: 'ana', ready: true, storageReset: null, pending: 0, failures: 0 });
  expect((await ask(page, 'GET', '/api/visits/ana-visit-1')).status).toBe(200);
}

async function arrived(ids: readonly string[]): Promise<readonly boolean[]> {
  return Promise.all(ids.map(async (id) => (await demo.visitRows(id)).length === 1));
}

describe('a damaged profile of Chromium', () => {
  it('whose databases open empty is told as storage-reset with what was unsent, then all is downloaded again (fact 6)', async () => {
    const { ids } = await writeUnsent();
    await device.close();
    const manifests = databaseFiles(/^MANIFEST/);
    expect(manifests.length).toBeGreaterThan(0);
    for (const file of manifests) writeFileSync(file, 'This is no manifest.'.repeat(50));
    const { page, loss } = await reopen();
    expect(loss).toMatchObject({ pending: 0, storageReset: { details: { atLeast: count } } });
    await downloadAll(page);
    expect(await arrived(ids)).toEqual(ids.map(() => false));
  });

  it('whose log has lost its end is told as storage-reset with the gap, and what is left of the writes is sent (fact 6)', async () => {
    const { ids, before } = await writeUnsent();
    await device.close();
    const [cut] = [...sizesOfLogs()].filter(([file, size]) => size > (before.get(file) ?? size));
    if (cut === undefined) throw new Error('No log has grown.');
    const [log, after] = cut;
    const length = before.get(log) ?? 0;
    truncateSync(log, length + Math.round((after - length) * 0.4));
    const { page, loss } = await reopen();
    const atLeast = loss.storageReset?.details.atLeast ?? 0;
    expect(atLeast).toBeGreaterThan(0);
    expect(loss.pending + atLeast).toBe(count);
    await downloadAll(page);
    expect(await arrived(ids)).toEqual(ids.map((_id, index) => index < loss.pending));
  });
});
