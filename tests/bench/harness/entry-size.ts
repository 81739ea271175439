import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const bench = path.join(import.meta.dirname, '..');
const root = path.join(bench, '../..');

interface EntrySize {
  /** What a module that exports this costs an app: minified and gzipped, dependencies included, in kB. */
  readonly total: number;
  /** The folders' parts in it, by their share of the code before it is minified, in kB; the sources are named from the root. */
  readonly of: (folder: string) => number;
}

export async function entrySize(source: string): Promise<EntrySize> {
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
    const chunks = outputs.flatMap((file) => (file.type === 'chunk' ? [file] : []));
    const total = gzipSync(chunks.map(({ code }) => code).join(''), { level: 9 }).length / 1000;
    const lengths = chunks.flatMap(({ modules }) =>
      Object.entries(modules).map(([id, { renderedLength }]) => ({ file: path.relative(root, id), renderedLength })),
    );
    const sumOf = (list: typeof lengths): number => list.reduce((sum, { renderedLength }) => sum + renderedLength, 0);
    const all = sumOf(lengths);
    return {
      total,
      of: (part) => (total * sumOf(lengths.filter(({ file }) => file.startsWith(`${part}/`)))) / all,
    };
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
