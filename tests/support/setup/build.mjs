// Builds the library into dist/ and the demo into dist-demo/. `build.mjs library` and `build.mjs demo` build one of
// them; with --if-changed a part whose sources are those of the last build is left alone.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { installed, root, run } from './processes.mjs';
import { isBuilt, markBuilt } from './sources.mjs';

const parameters = process.argv.slice(2);

/** @param {readonly string[]} command parameters of node */
async function step(command) {
  const code = await run(process.execPath, command);
  if (code !== 0) process.exit(code);
}

/** @param {import('./sources.mjs').Part} part */
function isWanted(part) {
  const named = parameters.filter((parameter) => !parameter.startsWith('--'));
  return (named.length === 0 || named.includes(part)) && !(parameters.includes('--if-changed') && isBuilt(part));
}

if (isWanted('library')) {
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  for (const folder of ['sw', 'client']) {
    await step([installed('typescript/bin/tsc'), '-p', `${folder}/tsconfig.build.json`]);
  }
  markBuilt('library');
}

if (isWanted('demo')) {
  rmSync(path.join(root, 'dist-demo'), { recursive: true, force: true });
  if (existsSync(path.join(root, 'demo/app/index.html'))) {
    await step([installed('vite/bin/vite.js'), 'build', '--logLevel', 'warn']);
  }
  if (existsSync(path.join(root, 'demo/server/main.ts'))) {
    await step([installed('vite/bin/vite.js'), 'build', '--logLevel', 'warn', '--mode', 'server']);
  }
  markBuilt('demo');
}
