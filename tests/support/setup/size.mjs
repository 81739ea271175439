// Compares what each entry point costs an app, minified and gzipped with its dependencies, with its budget.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './processes.mjs';

// What they may cost at present. The aim is 24,000 and 8,000 bytes; these bounds keep them from growing on the way there.
const budgets = [
  { entry: 'dist/sw/index.js', names: 'startSync, batchBackend', bytes: 111_000 },
  { entry: 'dist/sw/index.js', names: 'startSync, restBackend', bytes: 115_000 },
  { entry: 'dist/client/index.js', names: 'connectSync', bytes: 14_000 },
];

const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-size-'));

for (const { entry, names, bytes } of budgets) {
  if (!existsSync(path.join(root, entry))) continue;
  // As an app imports it: what it does not name costs nothing.
  const app = path.join(folder, 'app.js');
  writeFileSync(app, `export { ${names} } from ${JSON.stringify(path.join(root, entry))};\n`);
  const result = await build({
    configFile: false,
    root,
    publicDir: false,
    logLevel: 'warn',
    // In library mode Vite keeps the whitespace of ES modules and leaves NODE_ENV alone; an app's build does neither.
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      target: 'es2023',
      lib: { entry: app, formats: ['iife'], name: 'holdfast', fileName: 'entry' },
    },
  });
  const outputs = [result].flat().flatMap((one) => ('output' in one ? one.output : []));
  const code = outputs.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
  const size = gzipSync(code, { level: 9 }).length;
  console.log(`${entry} (${names}): ${size} of ${bytes} bytes`);
  if (size > bytes) process.exitCode = 1;
}
rmSync(folder, { recursive: true, force: true });
