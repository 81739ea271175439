import { existsSync } from 'node:fs';
import { engineNames, type EngineBrowser, type EngineName, type LaunchOptions } from './engine.ts';
import { launchWithPuppeteer } from './puppeteer-browser.ts';
import { findMiniBrowser, launchWebKit } from './webkit-browser.ts';

/** Where `npm test` and vitest's configuration put the paths of the programs. */
const programs: Readonly<Record<EngineName, string>> = {
  chromium: 'HOLDFAST_CHROMIUM',
  firefox: 'HOLDFAST_FIREFOX',
  webkit: 'HOLDFAST_WEBKIT',
};

function programOf(engine: EngineName): string | undefined {
  const program = process.env[programs[engine]];
  return program === undefined || program === '' || !existsSync(program) ? undefined : program;
}

/** The engines that are on this machine. */
export function installedEngines(): readonly EngineName[] {
  return engineNames.filter(
    (engine) => programOf(engine) !== undefined && (engine !== 'webkit' || findMiniBrowser() !== undefined),
  );
}

/** Starts a browser without a window. Close it, or it goes on after the test. */
export function launchEngine(engine: EngineName, options: LaunchOptions = {}): Promise<EngineBrowser> {
  const program = programOf(engine);
  if (program === undefined) throw new Error(`${engine} is not installed, or ${programs[engine]} does not name it.`);
  return engine === 'webkit' ? launchWebKit(program) : launchWithPuppeteer(engine, program, options);
}
