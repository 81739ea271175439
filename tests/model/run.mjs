// `npm run test:model -- RUNS [SEED]`: plays many histories.
// `npm run test:model -- FILE [SECONDS]`: plays the history of a file that a failure named, and makes it shorter for so long.
import path from 'node:path';
import { installed, run } from '../support/setup/processes.mjs';

const [first = '100000', ...rest] = process.argv.slice(2);

/** @returns {Readonly<Record<string, string>>} what `model.test.ts` is to play */
function chosen() {
  if (/^\d+$/.test(first)) {
    const [seed = String(Date.now() % 1_000_000_000)] = rest;
    console.log(`${first} histories from the seed ${seed} on`);
    return { HOLDFAST_MODEL_RUNS: first, HOLDFAST_MODEL_SEED: seed };
  }
  // npm changes to the root of the project; a path is meant from where it was typed.
  const file = path.resolve(process.env['INIT_CWD'] ?? '', first);
  return { HOLDFAST_MODEL_FILE: file, HOLDFAST_MODEL_SHORTEN_SECONDS: rest[0] ?? '0' };
}

process.exitCode = await run(
  process.execPath,
  [installed('vitest/vitest.mjs'), 'run', '--project=model', 'tests/model/model.test.ts', '--testTimeout=0'],
  { env: chosen() },
);
