import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { build, defineConfig, type Plugin, type UserConfig } from 'vite';

const root = import.meta.dirname;
const output = path.join(root, 'dist-demo/app');
const worker = path.join(root, 'demo/app/worker/sw.ts');

const alias = {
  'holdfast/sw': path.join(root, 'sw/index.ts'),
  'holdfast/client': path.join(root, 'client/index.ts'),
};

interface PrecacheEntry {
  readonly url: string;
  /** Null for a file whose name holds its content's hash. */
  readonly revision: string | null;
}

function precacheManifest(): PrecacheEntry[] {
  return readdirSync(output, { recursive: true })
    .map((file) => String(file).split(path.sep).join('/'))
    .filter((file) => statSync(path.join(output, file)).isFile() && !file.endsWith('.map') && file !== 'sw.js')
    .sort()
    .map((file) => ({
      url: `/${file}`,
      revision: file.startsWith('assets/')
        ? null
        : createHash('sha256')
            .update(readFileSync(path.join(output, file)))
            .digest('hex'),
    }));
}

/**
 * Builds the worker to /sw.js once the app's files are written, because the worker names them all: workbox-precaching
 * takes them from `self.__WB_MANIFEST`. It is one classic script, which every browser can register, and which adds its
 * listeners while it is first run.
 */
function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    async closeBundle(error?: Error) {
      if (error !== undefined || !existsSync(worker)) return;
      await build({
        configFile: false,
        root: path.join(root, 'demo/app'),
        publicDir: false,
        logLevel: 'warn',
        resolve: { alias },
        define: { 'self.__WB_MANIFEST': JSON.stringify(precacheManifest()) },
        build: {
          outDir: output,
          emptyOutDir: false,
          sourcemap: true,
          target: 'es2023',
          rolldownOptions: {
            input: worker,
            output: { format: 'iife', entryFileNames: 'sw.js', codeSplitting: false },
          },
        },
      });
    },
  };
}

const app: UserConfig = {
  root: path.join(root, 'demo/app'),
  resolve: { alias },
  plugins: [serviceWorker()],
  build: { outDir: output, emptyOutDir: true, sourcemap: true, target: 'es2023' },
};

/** Its packages stay outside: they are loaded from node_modules. */
const server: UserConfig = {
  root,
  resolve: { alias },
  publicDir: false,
  build: {
    ssr: path.join(root, 'demo/server/main.ts'),
    outDir: path.join(root, 'dist-demo/server'),
    emptyOutDir: true,
    sourcemap: true,
    target: 'node20',
    rolldownOptions: { output: { entryFileNames: 'main.js' } },
  },
};

export default defineConfig(({ mode }) => (mode === 'server' ? server : app));
