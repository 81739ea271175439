import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleModel } from './bundle.ts';
import { playFile, playInThreads, reportOf } from './threads.ts';

const { env } = process;
const runs = Number(env['HOLDFAST_MODEL_RUNS'] ?? 2_000);
const seed = Number(env['HOLDFAST_MODEL_SEED'] ?? 20_260_101);
const replayed = env['HOLDFAST_MODEL_PATH'] ?? '';
const file = env['HOLDFAST_MODEL_FILE'] ?? '';
const shortenForMs = Number(env['HOLDFAST_MODEL_SHORTEN_SECONDS'] ?? 0) * 1000;
const commands = 60;

describe('several devices, one server, and whatever can go wrong', () => {
  let bundle = '';
  beforeAll(async () => {
    bundle = await bundleModel();
  });
  afterAll(() => rm(path.dirname(bundle), { recursive: true }));

  const asked = file === '' ? `${runs} histories of ${commands} commands` : 'a history that broke them';
  it(`keep O1 to O8 in ${asked}`, { timeout: 0 }, async () => {
    if (file !== '') {
      expect(await reportOf(await playFile(bundle, file, shortenForMs))).toBe('');
      return;
    }
    const again = replayed === '' ? {} : { path: replayed };
    const result = await playInThreads(bundle, { runs, seed, commands, shrinks: true, ...again });
    expect(await reportOf(result)).toBe('');
    expect(result.runs).toBeGreaterThanOrEqual(runs);
  });
});
