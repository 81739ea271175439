import type { BenchServer } from '../server/server.ts';
import type { BenchBrowser, BenchPage } from './bench-browser.ts';

/** Calls a function of the subject's script in one of its tabs. */
export function callSubject(page: BenchPage, name: string, ...values: readonly unknown[]): Promise<number[]> {
  return page.evaluate(`subject[${JSON.stringify(name)}](...${JSON.stringify(values)})`);
}

/** What takes part in a workload: a page with the subject's script, in a browser of its own. */
export class Subject {
  readonly name: string;
  readonly server: BenchServer;
  /** The folder in which its browser keeps everything. */
  readonly profile: string;
  /** The browser's name and version, once it runs. */
  version = '';
  readonly #launch: () => Promise<BenchBrowser>;
  #browser: BenchBrowser | undefined;
  #page: BenchPage | undefined;

  constructor(name: string, server: BenchServer, profile: string, launch: () => Promise<BenchBrowser>) {
    this.name = name;
    this.server = server;
    this.profile = profile;
    this.#launch = launch;
  }

  async browser(): Promise<BenchBrowser> {
    this.#browser ??= await this.#launch();
    this.version = this.#browser.version;
    return this.#browser;
  }

  /** Opens a further tab, or the first one. `settings` reach the subject as its page's address has them. */
  async open(settings = ''): Promise<BenchPage> {
    const browser = await this.browser();
    const address = new URL(`/subject/${this.name}`, this.server.url);
    for (const [name, value] of new URLSearchParams(settings)) address.searchParams.set(name, value);
    const page = await browser.open(address.href);
    this.#page ??= page;
    return page;
  }

  async page(): Promise<BenchPage> {
    return this.#page ?? (await this.open());
  }

  /** Calls a function of the subject's script, in its first tab. */
  async call(name: string, ...values: readonly unknown[]): Promise<number[]> {
    return callSubject(await this.page(), name, ...values);
  }

  /** The browser dies, without a chance to end anything; the next call starts it again on the same profile. */
  async kill(): Promise<void> {
    await this.#browser?.kill();
    this.#browser = undefined;
    this.#page = undefined;
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    this.#browser = undefined;
    this.#page = undefined;
  }
}
