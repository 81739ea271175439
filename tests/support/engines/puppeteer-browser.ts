import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer, { type Browser, type LaunchOptions as PuppeteerOptions, type Page } from 'puppeteer-core';
import { asJsonText, parseJson, type EngineBrowser, type EnginePage, type LaunchOptions } from './engine.ts';

const startUpMs = 60_000;

function enginePage(page: Page, quotaBytes: number | undefined): EnginePage {
  return {
    goto: async (url) => {
      if (quotaBytes !== undefined) {
        // Holds for one origin, as long as the session does, and only if that has written nothing before.
        const session = await page.createCDPSession();
        const { origin } = new URL(url);
        await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: quotaBytes });
      }
      await page.goto(url);
    },
    reload: async () => {
      await page.reload();
    },
    evaluate: async (expression) => parseJson(await page.evaluate(asJsonText(expression))),
    close: () => page.close(),
  };
}

function chromiumOptions(): PuppeteerOptions {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return { browser: 'chrome', args: ['--no-sandbox', ...quiet] };
}

function firefoxOptions({ quotaBytes, workerIdleMs }: LaunchOptions): PuppeteerOptions {
  const prefs: Record<string, unknown> = {
    'app.normandy.enabled': false,
    'app.update.disabledForTesting': true,
    'browser.backup.enabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
  };
  // An origin's share of the whole is a fifth, but not less than 10 MiB.
  if (quotaBytes !== undefined) prefs['dom.quotaManager.temporaryStorage.fixedLimit'] = Math.ceil(quotaBytes / 1024);
  if (workerIdleMs !== undefined) {
    prefs['dom.serviceWorkers.idle_timeout'] = workerIdleMs;
    prefs['dom.serviceWorkers.idle_extended_timeout'] = workerIdleMs;
  }
  return { browser: 'firefox', extraPrefsFirefox: prefs };
}

/** Resolves when the program has ended. */
function ended(browser: Browser): Promise<void> {
  const program = browser.process();
  if (program === null || program.exitCode !== null || program.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => program.once('exit', () => resolve()));
}

/** Chromium over the DevTools protocol, or Firefox over WebDriver BiDi. */
export async function launchWithPuppeteer(
  engine: 'chromium' | 'firefox',
  executablePath: string,
  options: LaunchOptions,
): Promise<EngineBrowser> {
  const temporary = options.profile === undefined ? await mkdtemp(path.join(tmpdir(), `holdfast-${engine}-`)) : null;
  const userDataDir = options.profile ?? temporary ?? '';
  const browser = await puppeteer.launch({
    ...(engine === 'chromium' ? chromiumOptions() : firefoxOptions(options)),
    executablePath,
    userDataDir,
    headless: true,
    timeout: startUpMs,
    protocolTimeout: 180_000,
  });
  const end = async (): Promise<void> => {
    await ended(browser);
    if (temporary !== null) await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
  };
  return {
    engine,
    version: await browser.version(),
    newPage: async () => enginePage(await browser.newPage(), engine === 'chromium' ? options.quotaBytes : undefined),
    kill: async () => {
      browser.process()?.kill('SIGKILL');
      await end();
    },
    close: async () => {
      if (browser.connected) await browser.close();
      await end();
    },
  };
}
