import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RunningServer } from '../../demo/server/server.ts';
import { startDemoServer } from '../support/demo-server.ts';
import {
  waitFor,
  type EngineBrowser,
  type EngineName,
  type EnginePage,
  type LaunchOptions,
} from '../support/engines/engine.ts';
import { launchEngine } from '../support/engines/launch.ts';
import { startFaultServer, type FaultServer } from '../support/faults/fault-server.ts';

const appDir = fileURLToPath(new URL('../../dist-demo/app', import.meta.url));

/** The demo's built pages and worker, its real server, a fault server between the two, and one engine's browsers. */
export class EngineDemo {
  readonly engine: EngineName;
  readonly #browsers: EngineBrowser[] = [];
  #server: RunningServer | undefined;
  #faults: FaultServer | undefined;

  constructor(engine: EngineName) {
    this.engine = engine;
  }

  async start(): Promise<void> {
    if (!existsSync(appDir)) throw new Error('The demo is not built: npm run build');
    this.#server = await startDemoServer({ port: 0, places: 2000, appDir });
    await this.#server.loaded;
    this.#faults = await startFaultServer(this.#server.url);
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#browsers.map((browser) => browser.close()));
    await this.#faults?.close();
    await this.#server?.close();
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error('The demo was not started.');
    return this.#server;
  }

  get faults(): FaultServer {
    if (this.#faults === undefined) throw new Error('The demo was not started.');
    return this.#faults;
  }

  /** A browser with nothing stored, or with what its profile holds; and a network without faults. */
  async launch(options: LaunchOptions = {}): Promise<EngineBrowser> {
    this.faults.plan = () => undefined;
    const browser = await launchEngine(this.engine, options);
    this.#browsers.push(browser);
    return browser;
  }

  /** Opens a page whose worker is there and whose first download is complete. */
  async open(browser: EngineBrowser, path = '/'): Promise<EnginePage> {
    const page = await browser.newPage();
    await page.goto(`${this.faults.url}${path}`);
    await connected(page);
    await page.evaluate('holdfast.ready');
    return page;
  }

  async visitRows(id: string): Promise<readonly Record<string, unknown>[]> {
    return this.server.database.query('select id, note, rating from visits where id = $1', [id]);
  }
}

export function connected(page: EnginePage): Promise<void> {
  return waitFor(page, 'globalThis.holdfast !== undefined && navigator.serviceWorker.controller !== null');
}

/** A plain `fetch` of the page, as an app makes it. */
export function ask(page: EnginePage, method: string, path: string, record?: object): Promise<unknown> {
  const body = record === undefined ? 'null' : JSON.stringify(JSON.stringify(record));
  return page.evaluate(`(async () => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(${JSON.stringify(path)}, { method: '${method}', body: ${body}, headers });
    const text = await answer.text();
    const status$ = answer.headers.get('Sync-Status');
    return { status: answer.status, status$, body: text === '' ? null : JSON.parse(text) };
  })()`);
}
