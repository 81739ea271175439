import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import type { EngineName } from '../support/engines/engine.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { delayed, firstOf, on, withoutNews } from '../support/faults/plans.ts';
import { createRandom } from '../support/faults/random.ts';
import { settled } from '../support/in-page.ts';
import type { EngineDemo } from './fixture.ts';

const patience = { timeout: 120_000, interval: 100 };
/** Of the writes, those that a page makes at one call of the driver. */
const part = 12;

type Told = readonly [rejected: number, outcomes: readonly string[], longestMs: number];

function isTold(value: unknown): value is Told {
  return (
    Array.isArray(value) && typeof value[0] === 'number' && Array.isArray(value[1]) && typeof value[2] === 'number'
  );
}

/** Chromium's workers are stopped through its protocol; WebKitGTK knows no way to it. */
export function enginesThatEndWorkers(): readonly EngineName[] {
  return installedEngines().filter((engine) => engine === 'firefox');
}

/** The browser ends the worker in the middle of so many writes, each with a call for a run beside it: see what came of them. */
export async function endWorkersOver(demo: EngineDemo, count: number): Promise<void> {
  const profile = await mkdtemp(path.join(tmpdir(), 'holdfast-stops-'));
  const first = await demo.launch({ profile });
  await demo.open(first);
  await first.close();
  const browser = await demo.launch({ profile, workerIdleMs: 100 });
  demo.faults.plan = withoutNews;
  const page = await demo.open(browser);
  const random = createRandom(22);
  demo.faults.plan = firstOf(
    withoutNews,
    on(
      ['/sync/upload', '/sync/download'],
      delayed(() => random() * 400),
    ),
  );
  const mark = randomUUID();
  let rejected = 0;
  const outcomes = new Set<string>();
  // A driver waits three minutes for a page at most.
  for (let start = 0; start < count; start += part) {
    const end = Math.min(start + part, count);
    const told = await page.evaluate(`(async () => {
      const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
      const calls = [];
      let rejected = 0;
      for (let n = ${start}; n < ${end}; n += 1) {
        const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': '${mark}-' + n, Prefer: 'wait=5' };
        const body = JSON.stringify({ note: '${mark} ' + n });
        const began = performance.now();
        const call = ${settled}.then((outcome) => calls.push([outcome, performance.now() - began]));
        await wait((n * 37) % 120);
        // An app that was told of no answer asks again under the same key.
        while ((await fetch('/api/visits', { method: 'POST', body, headers }).catch(() => null))?.status !== 201) rejected += 1;
        await call;
      }
      return [rejected, calls.map(([outcome]) => outcome), Math.max(...calls.map(([, ms]) => ms))];
    })()`);
    if (!isTold(told)) throw new Error(`The page told ${JSON.stringify(told)}.`);
    rejected += told[0];
    for (const outcome of told[1]) outcomes.add(outcome);
    expect(told[2]).toBeLessThan(10_000);
  }
  expect(rejected).toBeGreaterThan(count / 2);
  expect(outcomes).toContain('worker-lost');
  expect(['finished', 'worker-lost']).toEqual(expect.arrayContaining([...outcomes]));
  demo.faults.plan = withoutNews;
  await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
  const rows = await demo.server.database.query('select note from visits where note like $1', [`${mark} %`]);
  expect(rows.map(({ note }) => String(note)).sort()).toEqual(
    Array.from({ length: count }, (_value, n) => `${mark} ${n}`).sort(),
  );
  expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
  await browser.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
