// `npm run check`: everything that can be said of the sources without running them, and of the package that would be
// published, which is built where it is not that of these sources. All checks run, also after one has failed.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { capture, installed, run } from './processes.mjs';

/** @type {string[]} */
const failed = [];

/**
 * @param {string} name
 * @param {string} command
 * @param {readonly string[]} parameters
 */
async function check(name, command, parameters) {
  console.log(`\n${name}`);
  if ((await run(command, parameters)) !== 0) failed.push(name);
}

/**
 * @param {string} name
 * @param {string} packagePath
 * @param {readonly string[]} parameters
 */
async function checkWith(name, packagePath, parameters) {
  await check(name, process.execPath, [installed(packagePath), ...parameters]);
}

/** Takes as long as all others together, on one processor: beside them, its output is kept until it ends. */
async function lint() {
  const { code, output } = await capture(process.execPath, [
    installed('eslint/bin/eslint.js'),
    '.',
    '--max-warnings',
    '0',
  ]);
  console.log(`\nlint\n${output}`);
  if (code !== 0) failed.push('lint');
}

async function checkTheRest() {
  await checkWith('types', '../tests/support/setup/types.mjs', []);
  await checkWith('format', 'prettier/bin/prettier.cjs', ['--check', '.', '--log-level', 'warn']);
  await checkWith('unused', 'knip/bin/knip.js', []);
  if (!failed.includes('build')) {
    const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-pack-'));
    await check('pack', 'npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]);
    const [tarball] = readdirSync(folder);
    if (tarball !== undefined) {
      const file = path.join(folder, tarball);
      await checkWith('package', 'publint/src/cli.js', [file, '--strict']);
      // Publishing ES modules only is a decision, and CommonJS and node10 resolution are what the profile leaves out.
      await checkWith('package types', '@arethetypeswrong/cli/dist/index.js', [file, '--profile', 'esm-only']);
    }
    rmSync(folder, { recursive: true, force: true });
    await checkWith('size', '../tests/support/setup/size.mjs', []);
  }
}

// Types of the app come from the built library.
await checkWith('build', '../tests/support/setup/build.mjs', ['library', '--if-changed']);
await Promise.all([lint(), checkTheRest()]);

console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
