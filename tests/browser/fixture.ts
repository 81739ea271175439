import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright';
import { launchChromium } from '../support/chromium.ts';
import type { RunningServer } from '../../demo/server/server.ts';
import { startDemoServer } from '../support/demo-server.ts';
import { startFaultServer, type FaultServer } from '../support/faults/fault-server.ts';

const appDir = fileURLToPath(new URL('../../dist-demo/app', import.meta.url));

/** The demo as a user meets it: the built pages and worker, the real server, and a fault server between the two. */
export class Demo {
  #server: RunningServer | undefined;
  #faults: FaultServer | undefined;
  #browser: Browser | undefined;
  readonly #places: number;

  constructor({ places = 2000 }: { readonly places?: number } = {}) {
    this.#places = places;
  }

  async start(): Promise<void> {
    if (!existsSync(appDir)) throw new Error('The demo is not built: npm run build');
    this.#server = await startDemoServer({ port: 0, places: this.#places, appDir });
    await this.#server.loaded;
    this.#faults = await startFaultServer(this.#server.url);
    this.#browser = await launchChromium();
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
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

  get browser(): Browser {
    if (this.#browser === undefined) throw new Error('The demo was not started.');
    return this.#browser;
  }

  /** A device of its own: nothing stored, nobody signed in. */
  async device(): Promise<BrowserContext> {
    this.faults.plan = () => undefined;
    return this.browser.newContext();
  }

  /** Opens a page and waits until its client is connected and the first download is there. */
  async open(device: BrowserContext, path = '/'): Promise<Page> {
    const page = await device.newPage();
    await page.goto(`${this.faults.url}${path}`);
    await connected(page);
    await page.evaluate('holdfast.ready.then(() => null)');
    return page;
  }

  async visitRows(id: string): Promise<readonly Record<string, unknown>[]> {
    return this.server.database.query('select id, note, reference, rating from visits where id = $1', [id]);
  }
}

export async function connected(page: Page): Promise<void> {
  await page.waitForFunction('globalThis.holdfast !== undefined && navigator.serviceWorker.controller !== null');
}

export interface PageAnswer {
  readonly status: number;
  readonly status$: string | null;
  readonly body: unknown;
}

/** A plain `fetch` of the page, as an app makes it. */
export function ask(
  page: Page,
  method: string,
  path: string,
  record?: object,
  headers: Record<string, string> = {},
): Promise<PageAnswer> {
  const body = record === undefined ? null : JSON.stringify(record);
  return page.evaluate(
    async (call): Promise<PageAnswer> => {
      const answer = await fetch(call.path, { method: call.method, body: call.body, headers: call.headers });
      const text = await answer.text();
      const parsed: unknown = text === '' ? null : JSON.parse(text);
      return { status: answer.status, status$: answer.headers.get('Sync-Status'), body: parsed };
    },
    { method, path, body, headers: { ...(body === null ? {} : { 'Content-Type': 'application/json' }), ...headers } },
  );
}

/** The client's state, as the page gets it. */
export function stateOf(
  page: Page,
): Promise<{ readonly pending: number; readonly syncing: boolean; readonly failures: number }> {
  return page.evaluate('holdfast.state()');
}

/** Stops the worker as the browser does with an idle one. */
export async function stopWorkers(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('ServiceWorker.enable');
  await session.send('ServiceWorker.stopAllWorkers');
  await session.detach();
}
