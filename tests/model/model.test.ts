import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleModel } from './bundle.ts';
import { playFile, playInThreads, reportOf, type Bundles } from './threads.ts';

const { env } = process;
const runs = Number(env['HOLDFAST_MODEL_RUNS'] ?? 2_000);
const seed = Number(env['HOLDFAST_MODEL_SEED'] ?? 20_260_101);
const file = env['HOLDFAST_MODEL_FILE'] ?? '';
const shortenForMs = Number(env['HOLDFAST_MODEL_SHORTEN_SECONDS'] ?? 0) * 1000;
const commands = 60;

describe('several devices, one server, and whatever can go wrong', () => {
  let bundles: Bundles = {};
  beforeAll(async () => {
    bundles = { real: await bundleModel(), small: await bundleModel(null, 'small') };
  });
  afterAll(() => Promise.all(Object.values(bundles).map((bundle) => rm(path.dirname(bundle), { recursive: true }))));

  const asked = file === '' ? `${runs} histories of ${commands} commands` : 'a history that broke them';
  it(`keep O1 to O8 in ${asked}`, { timeout: 0 }, async () => {
    if (file !== '') {
      expect(await reportOf(await playFile(bundles, file, shortenForMs))).toBe('');
      return;
    }
    const result = await playInThreads(bundles, { runs, seed, commands, shrinks: true });
    expect(await reportOf(result)).toBe('');
    expect(result.runs).toBeGreaterThanOrEqual(runs);
  });
});
