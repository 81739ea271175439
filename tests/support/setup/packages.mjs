// Sees to it that node_modules holds what the lock file says; needs nothing installed.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root, run } from './processes.mjs';

const oldestNode = [20, 19];

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>}
 */
function lockedPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** @returns {boolean} */
function areInstalled() {
  const record = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return false;
  const found = lockedPackages(record);
  // Optional packages are those of other platforms; the entry '' is the project itself.
  return Object.entries(lockedPackages(path.join(root, 'package-lock.json'))).every(
    ([name, { version, optional, devOptional }]) =>
      name === '' || optional || devOptional || found[name]?.version === version,
  );
}

/**
 * Ends the process with a message when this Node is too old, then runs `npm ci` if node_modules is missing or differs
 * from the lock file.
 */
export async function installPackages() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    console.error(`Node ${oldestNode.join('.')} or newer is needed; this is ${process.versions.node}.`);
    process.exit(1);
  }
  if (areInstalled()) return;
  console.log('Installing packages with npm ci');
  const code = await run('npm', ['ci']);
  if (code !== 0) {
    console.error(`npm ci failed with exit code ${code}. Is the package registry within reach?`);
    process.exit(1);
  }
}
