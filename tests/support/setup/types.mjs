// Type-checks every folder that has a tsconfig.json and sources, each against its own `lib`.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { capture, installed, root } from './processes.mjs';

const tops = ['sw', 'client', 'demo', 'tests'];
const files = tops
  .flatMap((top) => readdirSync(root).filter((name) => name === top))
  .flatMap((top) => readdirSync(path.join(root, top), { recursive: true }).map((file) => path.join(top, String(file))))
  .filter((file) => !file.includes('node_modules'));
const projects = files.filter((file) => path.basename(file) === 'tsconfig.json').map((file) => path.dirname(file));

/**
 * The folder's own files: those that no deeper tsconfig.json claims.
 *
 * @param {string} folder
 * @returns {boolean}
 */
function hasSources(folder) {
  return files.some((file) => {
    const owner = projects
      .filter((project) => file.startsWith(project + path.sep))
      .sort((a, b) => b.length - a.length)[0];
    return owner === folder && file.endsWith('.ts');
  });
}

const waiting = ['.', ...projects.filter(hasSources)];
let failed = 0;

async function checkNext() {
  for (let folder = waiting.shift(); folder !== undefined; folder = waiting.shift()) {
    // What was found out about files that have not changed since is kept beside the packages.
    const kept = path.join(root, 'node_modules/.cache/types', `${folder.replaceAll(path.sep, '-')}.tsbuildinfo`);
    const incremental = ['--incremental', '--tsBuildInfoFile', kept];
    // Ten times as fast as the one in JavaScript, which the linter needs for its interface.
    const tsc = installed('@typescript/native/bin/tsc');
    const { code, output } = await capture(process.execPath, [tsc, '-p', folder, ...incremental]);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${folder}`);
    if (code !== 0) {
      failed += 1;
      console.log(output.trimEnd());
    }
  }
}

await Promise.all([checkNext(), checkNext()]);
process.exitCode = failed === 0 ? 0 : 1;
