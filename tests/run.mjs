// `npm test [suite …] [vitest options …]`: runs the suites one after another and prints the sum as its last line.
// Needs Node only: packages, a browser and the build are made when they are missing.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findOrInstallBrowser } from './support/setup/browser-path.mjs';
import { findOrInstallEngines } from './support/setup/engine-paths.mjs';
import { installPackages } from './support/setup/packages.mjs';
import { installed, root, run } from './support/setup/processes.mjs';
import { readReport, sumUp } from './support/setup/sum.mjs';

/** A run of its own: each of its cases takes longer than 20 seconds. */
const asked = ['long'];
/** Of these, what the other engines are driven by. */
const engineSuites = ['engines', ...asked];
const browserSuites = ['browser', ...engineSuites];
const suites = ['unit', 'contract', 'model', ...browserSuites];

const parameters = process.argv.slice(2);
const named = parameters.filter((parameter) => suites.includes(parameter));
const forVitest = parameters.filter((parameter) => !suites.includes(parameter));

/** @param {string} suite */
function hasTests(suite) {
  const folder = path.join(root, 'tests', suite);
  return (
    existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => String(file).endsWith('.test.ts'))
  );
}

const reports = mkdtempSync(path.join(tmpdir(), 'holdfast-test-'));

/**
 * @param {string} suite
 * @param {Readonly<Record<string, string>>} env
 */
async function runSuite(suite, env) {
  const file = path.join(reports, `${suite}.json`);
  const code = await run(
    process.execPath,
    [
      installed('vitest/vitest.mjs'),
      'run',
      `--project=${suite}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      // What is asked for by name or file may be in another suite.
      ...(forVitest.length > 0 ? ['--passWithNoTests'] : []),
      ...forVitest,
    ],
    { env },
  );
  return readReport(suite, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined, code);
}

/**
 * What the browser suites need, undefined when it could not be had.
 *
 * @returns {Promise<Record<string, string> | undefined>}
 */
async function prepareBrowserSuites() {
  const build = path.join(root, 'tests/support/setup/build.mjs');
  // A suite run by itself needs the demo only.
  const parts = named.length > 0 ? ['demo'] : [];
  const code = await run(process.execPath, [build, ...parts, '--if-changed']);
  if (code !== 0) {
    console.error('The build failed.');
    return undefined;
  }
  try {
    return { HOLDFAST_CHROMIUM: await findOrInstallBrowser() };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return undefined;
  }
}

await installPackages();

const results = [];
const chosen = suites
  .filter((suite) => (named.length > 0 ? named.includes(suite) : !asked.includes(suite)))
  .filter(hasTests);
const browserEnv = chosen.some((suite) => browserSuites.includes(suite)) ? await prepareBrowserSuites() : {};
const engines = chosen.some((suite) => engineSuites.includes(suite))
  ? await findOrInstallEngines()
  : { env: {}, notes: [] };
for (const suite of chosen) {
  const env = browserSuites.includes(suite) ? browserEnv && { ...browserEnv, ...engines.env } : {};
  results.push(env === undefined ? readReport(suite, undefined, 1) : await runSuite(suite, env));
}
rmSync(reports, { recursive: true, force: true });

console.log('');
for (const { name, failures } of results) {
  for (const failure of failures) console.log(`${name} failed: ${failure}\n`);
}
for (const { name, passed, failed, skipped, crashed } of results) {
  const notes = [skipped > 0 ? `, ${skipped} skipped` : '', crashed ? ' (the suite did not run to its end)' : ''];
  console.log(`${name}: ${passed} passed, ${failed} failed${notes.join('')}`);
}
for (const note of engines.notes) console.log(`engines: ${note}`);
const { line, exitCode } = sumUp(results);
console.log(line);
process.exitCode = exitCode;
