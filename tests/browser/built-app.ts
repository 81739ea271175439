import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'vite';
import type { RunningServer, ServerOptions } from '../../demo/server/server.ts';
import { startDemoServer } from '../support/demo-server.ts';

const source = path.join(import.meta.dirname, '../..');

/** An app of a test's own, built over the library's sources, with the demo's server behind it. */
export class BuiltApp {
  readonly folder: string;
  #server: RunningServer | undefined;

  constructor(name: string) {
    this.folder = mkdtempSync(path.join(tmpdir(), `holdfast-${name}-`));
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error('The app was not started.');
    return this.#server;
  }

  get url(): string {
    return this.server.url;
  }

  /** Where scripts import `client/index.ts` and `sw/index.ts` from, as the text of a string. */
  static importing(file: 'client/index.ts' | 'sw/index.ts'): string {
    return JSON.stringify(path.join(source, file));
  }

  /** `nextWorker` is served as `/sw-next.js`, for a test that puts it in the place of the first one. */
  async start(
    { page, worker, nextWorker }: { readonly page: string; readonly worker: string; readonly nextWorker?: string },
    options: Pick<ServerOptions, 'places' | 'tables'> = {},
  ): Promise<void> {
    const appDir = path.join(this.folder, 'app');
    await this.#build(appDir, 'page', page);
    await this.#build(appDir, 'sw', worker);
    if (nextWorker !== undefined) await this.#build(appDir, 'sw-next', nextWorker);
    writeFileSync(path.join(appDir, 'index.html'), '<!doctype html><script type="module" src="/page.js"></script>');
    this.#server = await startDemoServer({ port: 0, places: 'none', appDir, ...options });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  async #build(appDir: string, name: string, text: string): Promise<void> {
    const entry = path.join(this.folder, `${name}.entry.ts`);
    writeFileSync(entry, text);
    await build({
      configFile: false,
      root: source,
      publicDir: false,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"' },
      build: {
        outDir: appDir,
        emptyOutDir: false,
        target: 'es2023',
        lib: { entry, formats: ['es'], fileName: () => `${name}.js` },
      },
    });
  }
}
