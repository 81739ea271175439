import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { findBrowser } from './tests/support/setup/browser-path.mjs';
import { findEngines } from './tests/support/setup/engine-paths.mjs';

const root = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const alias = {
  'holdfast/sw': root('./sw/index.ts'),
  'holdfast/client': root('./client/index.ts'),
};

interface Suite {
  readonly name: string;
  readonly testTimeoutMs: number;
  /** One browser and the processor's cores are shared: such files run one after another. */
  readonly serial: boolean;
}

const suites: readonly Suite[] = [
  { name: 'unit', testTimeoutMs: 10_000, serial: false },
  { name: 'contract', testTimeoutMs: 60_000, serial: false },
  { name: 'model', testTimeoutMs: 180_000, serial: false },
  { name: 'browser', testTimeoutMs: 120_000, serial: true },
  { name: 'engines', testTimeoutMs: 180_000, serial: true },
  { name: 'long', testTimeoutMs: 3_600_000, serial: true },
];

// The suites read these variables alone, so that `npx vitest` finds the browsers that `npm test` does.
const env = { HOLDFAST_CHROMIUM: (await findBrowser()) ?? '', ...findEngines() };

function hasTests(name: string): boolean {
  const folder = root(`./tests/${name}`);
  return (
    existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => String(file).endsWith('.test.ts'))
  );
}

const projects = suites
  .filter((suite) => hasTests(suite.name))
  .map((suite): TestProjectInlineConfiguration => ({
    resolve: { alias },
    test: {
      name: suite.name,
      include: [`tests/${suite.name}/**/*.test.ts`],
      environment: 'node',
      env,
      testTimeout: suite.testTimeoutMs,
      hookTimeout: suite.testTimeoutMs,
      fileParallelism: !suite.serial,
      restoreMocks: true,
      unstubGlobals: true,
    },
  }));

/** Two on two cores as well, where Vitest would leave one idle. */
const maxWorkers = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  test: { projects, maxWorkers, allowOnly: false, dangerouslyIgnoreUnhandledErrors: false },
});
