import { readdirSync } from 'node:fs';
import path from 'node:path';
import { build } from 'vite';

const bench = path.join(import.meta.dirname, '..');

/** Each subject and each worker as one classic script, minified as an app's build would. */
export async function buildSubjects(folder: string, names: readonly string[]): Promise<void> {
  const workers = readdirSync(path.join(bench, 'workers')).filter((file) => file.endsWith('.ts'));
  // What follows a question mark are settings of the same script.
  const scripts = new Set(names.map((name) => name.replace(/\?.*/, '')));
  const entries = [...workers.map((file) => `workers/${file}`), ...[...scripts].map((name) => `subjects/${name}.ts`)];
  for (const entry of entries) {
    await build({
      configFile: false,
      root: bench,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
      build: {
        outDir: folder,
        emptyOutDir: false,
        target: 'es2023',
        lib: {
          entry: path.join(bench, entry),
          formats: ['iife'],
          name: 'script',
          fileName: () => `${entry.startsWith('subjects/') ? 'subject-' : ''}${path.basename(entry, '.ts')}.js`,
        },
      },
    });
  }
}
