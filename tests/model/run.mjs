// `npm run test:model -- RUNS SEED [PATH]`: plays many histories, or one again by the seed and path that a failure printed.
import { installed, run } from '../support/setup/processes.mjs';

const [runs = '100000', seed = String(Date.now() % 1_000_000_000), path = ''] = process.argv.slice(2);
console.log(`${runs} histories from the seed ${seed} on`);
const env = { HOLDFAST_MODEL_RUNS: runs, HOLDFAST_MODEL_SEED: seed, HOLDFAST_MODEL_PATH: path };
process.exitCode = await run(
  process.execPath,
  [installed('vitest/vitest.mjs'), 'run', '--project=model', 'tests/model/model.test.ts', '--testTimeout=0'],
  { env },
);
