// Tells whether the last build was made of the present sources.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './processes.mjs';

/** @typedef {'library' | 'demo'} Part */

/** @type {Record<Part, readonly string[]>} */
const inputs = {
  library: ['sw', 'client', 'tsconfig.base.json', 'package-lock.json'],
  demo: ['sw', 'client', 'demo', 'vite.config.ts', 'tsconfig.base.json', 'package-lock.json'],
};

/** @type {Record<Part, string>} */
const stamps = { library: 'dist/.built-from', demo: 'dist-demo/.built-from' };

/**
 * @param {Part} part
 * @returns {string} a digest of the names and contents of all that the part is built from
 */
function fingerprint(part) {
  const hash = createHash('sha256');
  for (const input of inputs[part]) {
    const absolute = path.join(root, input);
    if (!existsSync(absolute)) continue;
    const files = statSync(absolute).isDirectory()
      ? readdirSync(absolute, { recursive: true }).map((file) => path.join(absolute, String(file)))
      : [absolute];
    for (const file of files.sort()) {
      if (statSync(file).isFile()) hash.update(`${path.relative(root, file)}\0`).update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}

/**
 * @param {Part} part
 * @returns {boolean}
 */
export function isBuilt(part) {
  const stamp = path.join(root, stamps[part]);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(part);
}

/**
 * Records what the part was built from; to be called once the build has succeeded.
 *
 * @param {Part} part
 */
export function markBuilt(part) {
  const stamp = path.join(root, stamps[part]);
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, fingerprint(part));
}
