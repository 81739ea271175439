import type { EngineName } from '../../support/engines/engine.ts';
import { launchEngine } from '../../support/engines/launch.ts';
import { findEngines } from '../../support/setup/engine-paths.mjs';
import { numbersOf, type BenchBrowser } from './bench-browser.ts';
import { launchChromium } from './chromium.ts';

export async function launchBrowser(engine: EngineName, profile: string): Promise<BenchBrowser> {
  if (engine === 'chromium') return launchChromium(profile);
  Object.assign(process.env, findEngines());
  const browser = await launchEngine(engine, { profile });
  return {
    version: browser.version,
    open: async (url) => {
      const page = await browser.newPage();
      await page.goto(url);
      return {
        evaluate: async (expression) => numbersOf(await page.evaluate(expression)),
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
    kill: () => browser.kill(),
  };
}
