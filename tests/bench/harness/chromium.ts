import { once } from 'node:events';
import puppeteer, { TargetType, type Browser, type CDPSession } from 'puppeteer-core';
import { findBrowser } from '../../support/setup/browser-path.mjs';
import { numbersOf, type BenchBrowser } from './bench-browser.ts';

const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
// A hidden tab is measured like a visible one.
const steady = ['--disable-background-timer-throttling', '--disable-renderer-backgrounding'];

/** Where a workload's longest call ends, in milliseconds. */
const longest = 1_800_000;

async function stopWorkers(browser: Browser): Promise<void> {
  const page = (await browser.pages()).at(-1);
  const session = await page?.createCDPSession();
  await session?.send('ServiceWorker.enable');
  await session?.send('ServiceWorker.stopAllWorkers');
  await session?.detach();
}

async function workerSession(browser: Browser): Promise<CDPSession> {
  const target = await browser.waitForTarget((one) => one.type() === TargetType.SERVICE_WORKER);
  return target.createCDPSession();
}

async function kill(browser: Browser): Promise<void> {
  const child = browser.process();
  if (child === null || child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Chromium with its DevTools, which the drivers of the tests do not hand out. */
export async function launchChromium(profile: string): Promise<BenchBrowser> {
  const executablePath = await findBrowser();
  if (executablePath === undefined) throw new Error('No Chromium was found. Set HOLDFAST_CHROMIUM to the path of one.');
  const browser = await puppeteer.launch({
    executablePath,
    userDataDir: profile,
    protocolTimeout: longest,
    args: ['--no-sandbox', ...quiet, ...steady],
  });
  return {
    version: await browser.version(),
    open: async (url) => {
      const page = await browser.newPage();
      await page.goto(url);
      return {
        evaluate: async (expression) => numbersOf(await page.evaluate(expression)),
        close: () => page.close(),
      };
    },
    tools: { worker: () => workerSession(browser), stopWorkers: () => stopWorkers(browser) },
    close: () => browser.close(),
    kill: () => kill(browser),
  };
}
