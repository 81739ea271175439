import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, connected, Demo } from './fixture.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const patience = { timeout: 30_000, interval: 100 };
const [ordered, productCode] = [12, 13];

/** A visit of Ana with one line. */
async function storeVisit(page: Page, id: string): Promise<void> {
  await ask(page, 'POST', '/api/visits', { id, date: '2026-05-04', note: 'before' });
  await ask(page, 'POST', '/api/lines', { id: `${id}-line`, visitId: id, productCode, quantity: ordered, price: 2 });
  await page.evaluate("holdfast.synchronize({ mode: 'unsynchronized', onBusy: 'queue' }).then(() => null)");
}

async function onServer(id: string): Promise<{ readonly visit: unknown; readonly stock: number }> {
  const { database } = demo.server;
  const [visit] = await database.query('select note, status, total from visits where id = $1', [id]);
  const [product] = await database.query('select "Stock" from products where "Code" = $1', [productCode]);
  return { visit, stock: Number(product?.['Stock']) };
}

async function stockHere(page: Page): Promise<number> {
  const stock: unknown =
    await page.evaluate(`fetch('/api/products/${String(productCode)}').then((answer) => answer.json())
    .then((product) => product.Stock)`);
  return Number(stock);
}

function closing(page: Page, outcome: 'pending' | 'refused' | 'applied'): Promise<void> {
  return page.locator(`[data-testid=closing][data-outcome=${outcome}]`).waitFor({ timeout: patience.timeout });
}

/** Opens a visit, and closes it offline with this note and two more of its line. */
async function closeOffline(device: BrowserContext, id: string, note: string): Promise<Page> {
  const page = await demo.open(device);
  await storeVisit(page, id);
  await page.goto(`${demo.faults.url}/visits/${id}`);
  await connected(page);
  await page.getByTestId('line-row').waitFor();
  await device.setOffline(true);
  await page.getByTestId('visit-note').fill(note);
  const quantity = page.getByTestId('line-row').getByLabel('Quantity');
  await quantity.fill(String(ordered + 2));
  await quantity.blur();
  await page.getByTestId('visit-close-stock').click();
  await closing(page, 'pending');
  return page;
}

describe('a visit that is closed with its stock', () => {
  it('waits offline as one, over a reload, and is taken together (U-12)', async () => {
    const device = await demo.device();
    const before = (await onServer('')).stock;
    const page = await closeOffline(device, 'closed-together', 'after');
    expect(await stockHere(page)).toBe(before - ordered - 2);
    expect(await page.getByTestId('visit-close-stock').count()).toBe(0);
    await page.reload();
    await connected(page);
    await closing(page, 'pending');
    expect(await page.getByTestId('closing').getByRole('listitem').allTextContents()).toEqual([
      'what was changed in the visit',
      '1 changed line',
      'the stock of 1 product',
      'the closing',
    ]);
    expect(await onServer('closed-together')).toEqual({
      visit: { note: 'before', status: 'open', total: ordered * 2 },
      stock: before,
    });
    await device.setOffline(false);
    await closing(page, 'applied');
    expect(await onServer('closed-together')).toEqual({
      visit: { note: 'after', status: 'closed', total: (ordered + 2) * 2 },
      stock: before - ordered - 2,
    });
    await page.getByTestId('closing-dismiss').click();
    await page.getByTestId('closing').waitFor({ state: 'detached' });
    await device.close();
  });

  it('is refused together with the reason, and taken together once the note is mended (U-06)', async () => {
    const device = await demo.device();
    const before = (await onServer('')).stock;
    const page = await closeOffline(device, 'refused-together', 'this is a #reject');
    await device.setOffline(false);
    await closing(page, 'refused');
    const failure = page.getByTestId('closing').getByTestId('failure-row');
    expect(await failure.textContent()).toContain('A note with the mark #reject is not taken.');
    expect(await onServer('refused-together')).toEqual({
      visit: { note: 'before', status: 'open', total: ordered * 2 },
      stock: before,
    });
    expect(await stockHere(page)).toBe(before - ordered - 2);
    expect(await page.getByTestId('failure-row').count()).toBe(1);
    const failureIds = (): Promise<unknown> =>
      page.evaluate('holdfast.failures().then((all) => all.map(({ id }) => id))');
    const refusedFirst = await failureIds();
    await page.getByTestId('failure-retry').click();
    await expect.poll(failureIds, patience).not.toEqual(refusedFirst);
    await page.evaluate("holdfast.synchronize({ onBusy: 'queue', onPartial: 'return' }).then(() => null)");
    await expect.poll(failureIds, patience).toHaveLength(1);
    await closing(page, 'refused');
    await page.getByTestId('visit-note').fill('mended');
    await page.getByTestId('visit-save').click();
    await closing(page, 'applied');
    expect(await onServer('refused-together')).toEqual({
      visit: { note: 'mended', status: 'closed', total: (ordered + 2) * 2 },
      stock: before - ordered - 2,
    });
    await device.close();
  });

  it('is given up as one after a refusal (F-02)', async () => {
    const device = await demo.device();
    const before = (await onServer('')).stock;
    const page = await closeOffline(device, 'discarded-together', 'another #reject');
    await device.setOffline(false);
    await closing(page, 'refused');
    await page.getByTestId('failure-discard').click();
    await page.getByTestId('closing').waitFor({ state: 'detached' });
    expect(await stockHere(page)).toBe(before);
    await expect.poll(() => page.getByTestId('visit-note').inputValue(), patience).toBe('before');
    expect(await page.getByTestId('failure-row').count()).toBe(0);
    await page.getByTestId('visit-close-stock').waitFor();
    expect(await page.evaluate('holdfast.pending().then(({ total }) => total)')).toBe(0);
    await device.close();
  });

  it('waits for a choice where the stock was counted elsewhere meanwhile, and then goes together (U-05)', async () => {
    const device = await demo.device();
    const page = await closeOffline(device, 'counted-elsewhere', 'after');
    const other = await demo.open(await demo.device());
    await ask(other, 'PATCH', `/api/products/${String(productCode)}`, { Stock: 77 });
    await expect.poll(async () => (await onServer('')).stock, patience).toBe(77);
    await device.setOffline(false);
    await closing(page, 'refused');
    expect(await onServer('counted-elsewhere')).toMatchObject({ visit: { note: 'before', status: 'open' }, stock: 77 });
    await page.getByTestId('closing').getByTestId('failure-choose').click();
    await page.getByTestId('take-mine').click();
    await expect
      .poll(async () => (await onServer('counted-elsewhere')).visit, patience)
      .toMatchObject({
        note: 'after',
        status: 'closed',
      });
    expect((await onServer('')).stock).not.toBe(77);
    await page.goBack();
    await closing(page, 'applied');
    await other.context().close();
    await device.close();
  });
});
