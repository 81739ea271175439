import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Builder, Capabilities, type WebDriver } from 'selenium-webdriver';
import { asJsonText, parseJson, type EngineBrowser, type EnginePage } from './engine.ts';
import { freePort } from '../free-port.ts';
import { startGuarded, type GuardedProcess } from './guarded-process.ts';

const startUpMs = 60_000;

interface Display {
  /** As in the variable DISPLAY. */
  readonly name: string;
  stop(): Promise<void>;
}

/** A screen in memory: GTK draws nothing without one. */
async function startDisplay(): Promise<Display> {
  const server = startGuarded('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp']);
  // Before it come complaints about displays that are taken.
  const number = await firstMatch(server, /^(\d+)\n/m);
  return { name: `:${number}`, stop: () => server.kill() };
}

/** What a program writes, up to the first match. */
function firstMatch(program: GuardedProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let written = '';
    const read = (data: Buffer): void => {
      written += data.toString();
      const match = pattern.exec(written);
      if (match !== null) resolve(match[1] ?? '');
    };
    program.process.stdout?.on('data', read);
    program.process.stderr?.on('data', read);
    program.process.once('exit', () => reject(new Error(`A program ended before it was ready:\n${written}`)));
  });
}

/** The browser that comes with WebKitGTK. */
export function findMiniBrowser(): string | undefined {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib').map((folder) => path.join('/usr/lib', folder)) : [];
  return folders
    .flatMap((folder) => ['webkit2gtk-4.1', 'webkit2gtk-4.0'].map((name) => path.join(folder, name, 'MiniBrowser')))
    .find((file) => existsSync(file));
}

/** Of WebKit's processes in a container, and of drawing without a graphics card. */
function webkitEnv(display: Display): Record<string, string> {
  return { DISPLAY: display.name, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', LIBGL_ALWAYS_SOFTWARE: '1' };
}

/** One command at a time: which window a command means is a state of the session. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

class WebKitPage implements EnginePage {
  readonly #driver: WebDriver;
  readonly #turns: Turns;
  readonly #handle: string;
  #evaluations = 0;

  constructor(driver: WebDriver, turns: Turns, handle: string) {
    this.#driver = driver;
    this.#turns = turns;
    this.#handle = handle;
  }

  #inWindow<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      await this.#driver.switchTo().window(this.#handle);
      return work();
    });
  }

  goto(url: string): Promise<void> {
    return this.#inWindow(() => this.#driver.get(url));
  }

  reload(): Promise<void> {
    return this.#inWindow(() => this.#driver.navigate().refresh());
  }

  /** Started and asked for by turns, so that two pages can evaluate at the same time. */
  async evaluate(expression: string): Promise<unknown> {
    this.#evaluations += 1;
    const slot = `holdfastEvaluation${this.#evaluations}`;
    await this.#inWindow(() =>
      this.#driver.executeScript(`
        globalThis.${slot} = ['pending'];
        Promise.resolve().then(() => (${asJsonText(expression)})).then(
          (value) => { globalThis.${slot} = ['value', value]; },
          (error) => { globalThis.${slot} = ['error', String(error)]; },
        );`),
    );
    for (;;) {
      const [state, text]: unknown[] = await this.#inWindow(() =>
        this.#driver.executeScript(`return globalThis.${slot} ?? ['error', 'The page was left.'];`),
      );
      if (state === 'error') throw new Error(String(text));
      if (state === 'value') return parseJson(text);
      await pause(30);
    }
  }

  close(): Promise<void> {
    return this.#inWindow(() => this.#driver.close());
  }
}

async function isServing(port: number): Promise<void> {
  for (const end = Date.now() + startUpMs; Date.now() < end;) {
    try {
      await fetch(`http://127.0.0.1:${port}/status`);
      return;
    } catch {
      await pause(50);
    }
  }
  throw new Error('WebKitWebDriver did not start to listen.');
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

/** WebKitGTK over WebDriver. Under it the browser keeps its data in memory only: a second launch is another device. */
export async function launchWebKit(driverPath: string): Promise<EngineBrowser> {
  const binary = findMiniBrowser();
  if (binary === undefined) throw new Error('MiniBrowser was not found. On Debian: apt-get install webkit2gtk-driver.');
  const display = await startDisplay();
  const port = await freePort();
  const server = startGuarded(driverPath, [`--port=${port}`], webkitEnv(display));
  const stop = async (): Promise<void> => {
    await server.kill();
    await display.stop();
  };
  try {
    await isServing(port);
    const capabilities = new Capabilities();
    capabilities.set('browserName', 'MiniBrowser');
    capabilities.set('webkitgtk:browserOptions', { binary, args: ['--automation'] });
    const builder = new Builder().usingServer(`http://127.0.0.1:${port}`).withCapabilities(capabilities);
    const driver = await builder.build();
    await driver.manage().setTimeouts({ script: startUpMs, pageLoad: startUpMs });
    return await webkitBrowser(driver, { stop, killFirstTab: () => killOldestTab(server) });
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Of a process, from what Linux tells of it in one line; null: it has ended. */
function processOf(pid: number): { readonly name: string; readonly group: number; readonly startedAt: number } | null {
  try {
    const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    const fields = rest.split(' ').map(Number);
    return { name, group: fields[2] ?? 0, startedAt: fields[19] ?? 0 };
  } catch {
    return null;
  }
}

/** Each tab has a process of its own. */
function killOldestTab(server: GuardedProcess): void {
  const tabs = readdirSync('/proc')
    .map(Number)
    .flatMap((pid) => {
      const found = pid > 0 ? processOf(pid) : null;
      const isTab = found?.group === server.process.pid && found?.name.startsWith('WebKitWebProc');
      return found !== null && isTab ? [{ pid, startedAt: found.startedAt }] : [];
    })
    .sort((a, b) => a.startedAt - b.startedAt || a.pid - b.pid);
  const [oldest] = tabs;
  if (oldest === undefined) throw new Error('The browser has no tab.');
  process.kill(oldest.pid, 'SIGKILL');
}

async function webkitBrowser(
  driver: WebDriver,
  { stop, killFirstTab }: { readonly stop: () => Promise<void>; readonly killFirstTab: () => void },
): Promise<EngineBrowser> {
  const turns = new Turns();
  const capabilities = await driver.getCapabilities();
  // The window that the browser opens with becomes the first page.
  let first: string | null = await driver.getWindowHandle();
  return {
    engine: 'webkit',
    version: capabilities.getBrowserVersion() ?? '',
    newPage: () =>
      turns.take(async () => {
        const handle = first;
        first = null;
        if (handle !== null) return new WebKitPage(driver, turns, handle);
        const [any = ''] = await driver.getAllWindowHandles();
        await driver.switchTo().window(any);
        await driver.switchTo().newWindow('tab');
        return new WebKitPage(driver, turns, await driver.getWindowHandle());
      }),
    killFirstTab,
    kill: stop,
    close: stop,
  };
}
