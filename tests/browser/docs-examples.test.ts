import { readFileSync } from 'node:fs';
import type { Page } from 'playwright';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, connected, Demo } from './fixture.ts';

const demo = new Demo();
beforeAll(() => demo.start());
afterAll(() => demo.stop());

const files = ['README.md', 'docs/filters.md', 'docs/synchronizing.md'];

/** The examples for pages, as they stand in the documentation. */
const examples = files.flatMap((file) => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)]
    .map(([, code = '']) => code)
    .filter((code) => !code.includes("'holdfast/sw'"))
    .map((code, index) => ({ name: `${file} ${index + 1}`, code }));
});

/** Runs an example in a page of the demo, whose client is the one that the example would connect. */
async function run(page: Page, code: string): Promise<void> {
  const own = code.replaceAll(/^import .*$/gm, '');
  const { outputText } = ts.transpileModule(own, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
  const given = code.includes('connectSync') ? '' : 'const sync = globalThis.holdfast;';
  await page.evaluate(`(async () => {
    const connectSync = () => Promise.resolve(globalThis.holdfast);
    const showVisits = () => undefined;
    ${given}
    ${outputText}
  })()`);
}

/** What the examples speak of. */
async function arrange(page: Page): Promise<void> {
  for (const id of ['v1', 'v2', '7']) {
    await ask(page, 'POST', '/api/visits', { id, date: '2026-06-01', note: 'of an example' });
  }
  await ask(page, 'POST', '/api/photos', { id: '7', visitId: '7', caption: 'of an example' });
  await page.evaluate("holdfast.synchronize({ onBusy: 'queue' }).then(() => null)");
}

describe('the documentation', () => {
  const played = examples.filter(({ code }) => !/encryptionKey|filterBuilder|location\.pathname/.test(code));

  it('has examples that do in the demo what it says of them', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    await arrange(page);
    expect(played.length).toBeGreaterThanOrEqual(7);
    for (const { name, code } of played) {
      await run(page, code).catch((error: unknown) => {
        throw new Error(`The example ${name} failed.`, { cause: error });
      });
      await page.evaluate("holdfast.synchronize({ onBusy: 'queue' }).then(() => null)");
    }
    const { database } = demo.server;
    const products = await database.query('select "Stock" from products where "Code" in (1, 2) order by "Code"', []);
    expect(products).toEqual([{ Stock: 90 }, { Stock: 210 }]);
    expect(await database.query('select status from visits where id = $1', ['7'])).toEqual([{ status: 'closed' }]);
    expect(await database.query('select note from visits where note = $1', ['Hello'])).toHaveLength(1);
    const tasks = await database.query('select id, title, done, "afterId" from tasks where "visitId" = $1', ['v1']);
    const called = tasks.find(({ title }) => title === 'Call');
    expect(called).toMatchObject({ done: true });
    expect(tasks.find(({ title }) => title === 'Write')).toMatchObject({ afterId: called?.['id'] });
    const photo = await page.evaluate<number>(
      "fetch('/api/photos/7').then((answer) => answer.json()).then((record) => record.content.size)",
    );
    expect(photo).toBe(20_000_000);
    expect(await page.evaluate('holdfast.pending().then(({ total }) => total)')).toBe(0);
    await device.close();
  });

  it('shows how a page at an old address finds the new one (U-08)', async () => {
    const device = await demo.device();
    const page = await demo.open(device);
    await ask(page, 'POST', '/api/visits', { id: 'v3', date: '2026-06-01', note: 'of an example' });
    const { body } = await ask(page, 'POST', '/api/tasks', { visitId: 'v3', title: 'Call' });
    const old = typeof body === 'object' && body !== null && 'id' in body ? Number(body.id) : 0;
    await page.evaluate("holdfast.synchronize({ onBusy: 'queue' }).then(() => null)");
    const [task] = await demo.server.database.query('select id from tasks where "visitId" = $1', ['v3']);
    await page.evaluate(`history.replaceState(null, '', '/tasks/${String(old)}')`);
    const example = examples.find(({ code }) => code.includes('location.pathname'));
    await run(page, example?.code ?? '');
    expect(new URL(page.url()).pathname).toBe(`/tasks/${String(task?.['id'])}`);
    await page.reload();
    await connected(page);
    await page.getByTestId('task-save').waitFor();
    await device.close();
  });
});
