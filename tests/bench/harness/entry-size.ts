import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const bench = path.join(import.meta.dirname, '..');

/** What a module that exports this costs an app: minified and gzipped, dependencies included, in kB. */
export async function entrySize(source: string): Promise<number> {
  const folder = mkdtempSync(path.join(bench, '.entry-'));
  try {
    const entry = path.join(folder, 'entry.ts');
    writeFileSync(entry, source);
    const built = await build({
      configFile: false,
      root: bench,
      publicDir: false,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
      build: {
        write: false,
        target: 'es2023',
        lib: { entry, formats: ['iife'], name: 'entry', fileName: () => 'entry.js' },
      },
    });
    const outputs = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
    const code = outputs.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
    return gzipSync(code, { level: 9 }).length / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The bytes of all files below a folder, in MB. */
export function folderSize(folder: string): number {
  const bytes = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .reduce((sum, file) => sum + statSync(path.join(file.parentPath, file.name)).size, 0);
  return bytes / 1e6;
}
