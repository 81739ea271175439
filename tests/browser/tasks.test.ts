import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connected, Demo } from './fixture.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 100 };
const visitPath = '/visits/ana-visit-1';

function pathOf(page: Page): string {
  return new URL(page.url()).pathname;
}

/** Makes a task offline, and opens its page: at an address that has the temporary key. */
async function openNewTask(device: BrowserContext, title: string): Promise<{ page: Page; old: string }> {
  const page = await demo.open(device, visitPath);
  await page.getByTestId('task-title').waitFor();
  await device.setOffline(true);
  await page.getByTestId('task-title').fill(title);
  await page.getByTestId('task-add').click();
  await page.getByTestId('task-open').filter({ hasText: title }).click();
  await page.getByTestId('task-save').waitFor();
  const old = pathOf(page);
  expect(old).toMatch(/^\/tasks\/-\d+$/);
  expect(await page.getByTestId('task-number').textContent()).toBe('No number yet');
  return { page, old };
}

async function tasksNamed(title: string): Promise<readonly Record<string, unknown>[]> {
  return demo.server.database.query('select id, title, done, "afterId" from tasks where title = $1', [title]);
}

async function saveAs(page: Page, title: string): Promise<void> {
  await page.getByTestId('task-title').fill(title);
  await page.getByTestId('task-save').click();
}

describe('a task, whose number the server makes', () => {
  it('is there and done without one offline, and keeps its old address when it has got it (U-08)', async () => {
    const device = await demo.device();
    const page = await demo.open(device, visitPath);
    await page.getByTestId('task-title').waitFor();
    await device.setOffline(true);
    await page.getByTestId('task-title').fill('Call back');
    await page.getByTestId('task-add').click();
    const task = page.getByTestId('task').filter({ hasText: 'Call back' });
    await task.waitFor();
    expect(await task.getByTestId('task-number').textContent()).toBe('No number yet');
    const old = Number(await task.getAttribute('data-key'));
    expect(old).toBeLessThan(0);
    await task.getByTestId('task-done').check();
    await device.setOffline(false);
    await page.locator('[data-testid=task][data-status=clean]').filter({ hasText: 'Call back' }).waitFor();
    await expect.poll(() => task.getByTestId('task-number').textContent(), patience).toMatch(/^No\. \d+$/);
    const now = Number(await task.getAttribute('data-key'));
    const rows = await demo.server.database.query('select title, done from tasks where id = $1', [now]);
    expect(rows).toEqual([{ title: 'Call back', done: true }]);
    const found = await page.evaluate(async (key) => {
      const answer = await fetch(`/api/tasks/${String(key)}`);
      const record: unknown = await answer.json();
      return { at: answer.headers.get('Content-Location'), record };
    }, old);
    expect(found).toMatchObject({ at: `/api/tasks/${String(now)}`, record: { id: now } });
  });

  it('has its address put right under what is typed in its open page, and the edit arrives at it (U-08)', async () => {
    const device = await demo.device();
    const { page, old } = await openNewTask(device, 'Bring samples');
    await page.getByTestId('task-title').fill('Bring two samples');
    await device.setOffline(false);
    await expect.poll(() => pathOf(page), patience).toMatch(/^\/tasks\/\d+$/);
    expect(await page.getByTestId('task-title').inputValue()).toBe('Bring two samples');
    const [made] = await tasksNamed('Bring samples');
    expect(pathOf(page)).toBe(`/tasks/${String(made?.['id'])}`);
    await page.getByTestId('task-save').click();
    await expect.poll(() => tasksNamed('Bring two samples'), patience).toMatchObject([{ id: made?.['id'] }]);
    await page.goBack();
    await page.getByTestId('task-open').filter({ hasText: 'Bring two samples' }).waitFor();
    expect(old).not.toBe(pathOf(page));
    await device.close();
  });

  it('is found at its old address by a reload and in a second tab, offline too, and edited from there (U-08)', async () => {
    const device = await demo.device();
    const { page, old } = await openNewTask(device, 'Send the list');
    // The page stays as it was loaded: it is somewhere else when the number comes.
    await page.goto('about:blank');
    const elsewhere = await device.newPage();
    await device.setOffline(false);
    await elsewhere.goto(`${demo.faults.url}/places`);
    await connected(elsewhere);
    await expect.poll(() => tasksNamed('Send the list'), patience).toHaveLength(1);
    const id = String((await tasksNamed('Send the list'))[0]?.['id']);

    await page.goto(`${demo.faults.url}${old}`);
    await expect.poll(() => pathOf(page), patience).toBe(`/tasks/${id}`);
    await expect.poll(() => page.getByTestId('task-number').textContent(), patience).toBe(`No. ${id}`);
    await saveAs(page, 'Send the price list');
    await expect.poll(() => tasksNamed('Send the price list'), patience).toMatchObject([{ id: Number(id) }]);

    await device.setOffline(true);
    const second = await device.newPage();
    await second.goto(`${demo.faults.url}${old}`);
    await expect.poll(() => pathOf(second), patience).toBe(`/tasks/${id}`);
    await second.getByTestId('task-done').check();
    await saveAs(second, 'Send the new price list');
    await expect.poll(() => page.getByTestId('task-title').inputValue(), patience).toBe('Send the new price list');
    await device.setOffline(false);
    await expect
      .poll(() => tasksNamed('Send the new price list'), patience)
      .toMatchObject([{ id: Number(id), done: true }]);
    expect(await tasksNamed('Send the list')).toEqual([]);
    await device.close();
  });

  it('is named by another one before either has a number, and by its number afterwards (U-08)', async () => {
    const device = await demo.device();
    const { page } = await openNewTask(device, 'Count the shelf');
    await page.goBack();
    await page.getByTestId('task-title').fill('Refill the shelf');
    await page.getByTestId('task-add').click();
    await page.getByTestId('task-open').filter({ hasText: 'Refill the shelf' }).click();
    await page.getByTestId('task-after').selectOption({ label: 'Count the shelf' });
    await page.getByTestId('task-save').click();
    await device.setOffline(false);
    await expect.poll(() => tasksNamed('Refill the shelf'), patience).toHaveLength(1);
    const [first] = await tasksNamed('Count the shelf');
    await expect.poll(() => tasksNamed('Refill the shelf'), patience).toMatchObject([{ afterId: first?.['id'] }]);
    await expect.poll(() => page.getByTestId('task-after').inputValue(), patience).toBe(String(first?.['id']));
    await device.close();
  });

  it('has no page under a temporary key that this device never gave it', async () => {
    const device = await demo.device();
    const page = await demo.open(device, '/tasks/-12345');
    await page.getByRole('heading', { name: 'There is no such task' }).waitFor();
    expect(pathOf(page)).toBe('/tasks/-12345');
    await device.close();
  });
});
