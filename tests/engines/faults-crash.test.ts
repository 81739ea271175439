import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedEngines } from '../support/engines/launch.ts';
import { on, refuseWith } from '../support/faults/plans.ts';
import { ask, EngineDemo } from './fixture.ts';
import { settled } from '../support/in-page.ts';

const patience = { timeout: 60_000, interval: 100 };

// Under WebDriver, WebKitGTK keeps its data in memory: killed, it comes back as another device.
const lasting = installedEngines().filter((engine) => engine !== 'webkit');

describe.each(lasting)('a browser, %s,', (engine) => {
  const demo = new EngineDemo(engine);
  let profile = '';
  beforeAll(async () => {
    await demo.start();
    profile = await mkdtemp(path.join(tmpdir(), `holdfast-crash-${engine}-`));
  });
  afterAll(async () => {
    await demo.stop();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  it('that is killed in a burst of writes has every answered one when it is back', async () => {
    const browser = await demo.launch({ profile });
    demo.faults.plan = on(['/sync/upload', '/sync/live'], refuseWith(503));
    const page = await demo.open(browser);
    const mark = randomUUID();
    // Answered writes are told to the test before the browser dies.
    await page.evaluate(`(() => {
      globalThis.answered = [];
      const write = async (n) => {
        const note = '${mark} ' + n;
        const headers = { 'Content-Type': 'application/json' };
        const answer = await fetch('/api/visits', { method: 'POST', body: JSON.stringify({ note }), headers });
        if (answer.status === 201) answered.push(note);
        if (n < 5_000) await write(n + 4);
      };
      for (const n of [1, 2, 3, 4]) void write(n).catch(() => undefined);
      return true;
    })()`);
    await expect.poll(() => page.evaluate('answered.length'), patience).toBeGreaterThan(60);
    const answered = await page.evaluate('answered');
    await browser.kill();

    const again = await demo.launch({ profile });
    const back = await demo.open(again);
    expect(await ask(back, 'GET', '/api/visits?limit=1')).toMatchObject({ status: 200 });
    await expect.poll(() => back.evaluate(settled), patience).toBe('finished');
    const rows = await demo.server.database.query('select note from visits where note like $1', [`${mark} %`]);
    const notes = rows.map(({ note }) => String(note));
    expect(notes).toEqual(expect.arrayContaining(Array.isArray(answered) ? answered : ['no list']));
    expect(new Set(notes).size).toBe(notes.length);
    await again.close();
  });

  it('whose storage is full answers a write with quota, never with success, and takes a small one after it (fact 7)', async () => {
    const browser = await demo.launch({ quotaBytes: 12_000_000 });
    const page = await demo.open(browser);
    demo.faults.plan = on(['/sync/upload', '/sync/live'], refuseWith(503));
    // What a database could pack would not fill it.
    const write = (id: string, bytes: number): Promise<unknown> =>
      ask(page, 'POST', '/api/visits', { id, note: randomBytes(bytes).toString('base64') });
    const written = [randomUUID(), randomUUID()];
    for (const id of written) expect(await write(id, 750_000)).toMatchObject({ status: 201 });
    // So large that much is free when it was refused: a browser refuses the smallest write where there is less than it reckons with.
    const refusal = await write(randomUUID(), 7_800_000);
    expect(refusal).toMatchObject({ status: 507, body: { code: 'quota' } });
    const small = randomUUID();
    expect(await ask(page, 'POST', '/api/visits', { id: small, note: 'small' })).toMatchObject({ status: 201 });
    for (const id of [...written, small]) {
      expect(await ask(page, 'GET', `/api/visits/${id}`)).toMatchObject({ status: 200, status$: 'not-synchronized' });
    }
    // Of the write that was refused nothing is there.
    expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: written.length + 1, failures: 0 });
    await browser.close();
  });
});
