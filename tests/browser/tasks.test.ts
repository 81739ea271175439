import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Demo } from './fixture.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 100 };
const visitPath = '/visits/ana-visit-1';

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
});
