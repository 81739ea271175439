// `npm start`: runs the demo from a fresh checkout. Needs Node only; installs and builds what is missing.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { installPackages } from '../tests/support/setup/packages.mjs';
import { root, run } from '../tests/support/setup/processes.mjs';
import { isBuilt } from '../tests/support/setup/sources.mjs';

const server = path.join(root, 'dist-demo/server/main.js');

await installPackages();
if (!isBuilt('demo') || !existsSync(server)) {
  console.log('Building the demo');
  const code = await run(process.execPath, [path.join(root, 'tests/support/setup/build.mjs'), 'demo']);
  if (code !== 0) process.exit(code);
}

process.env['NODE_ENV'] ??= 'production';
process.env['PORT'] ??= '4173';
// The server prints its address once it listens.
await import(pathToFileURL(server).href);
