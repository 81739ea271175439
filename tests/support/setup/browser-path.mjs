// Finds, or installs, the Chromium that the browser suites drive.
import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { root, run } from './processes.mjs';

/** @returns {readonly string[]} */
function usualPlaces() {
  if (process.platform === 'darwin') {
    return ['/Applications', path.join(homedir(), 'Applications')].flatMap((folder) => [
      path.join(folder, 'Google Chrome.app/Contents/MacOS/Google Chrome'),
      path.join(folder, 'Chromium.app/Contents/MacOS/Chromium'),
    ]);
  }
  if (process.platform === 'win32') {
    return ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA']
      .map((name) => process.env[name])
      .filter((folder) => folder !== undefined)
      .flatMap((folder) => [
        path.join(folder, 'Google/Chrome/Application/chrome.exe'),
        path.join(folder, 'Chromium/Application/chrome.exe'),
        path.join(folder, 'Microsoft/Edge/Application/msedge.exe'),
      ]);
  }
  const folders = ['/usr/bin', '/usr/local/bin', '/opt/google/chrome', '/snap/bin'];
  return folders.flatMap((folder) =>
    ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'].map((name) =>
      path.join(folder, name),
    ),
  );
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns {Promise<string | undefined>} the browser that `npx playwright install chromium` put there */
async function playwrightBrowser() {
  if (!existsSync(path.join(root, 'node_modules/playwright'))) return undefined;
  const { chromium } = await import('playwright');
  return [chromium.executablePath()].find(isProgram);
}

/**
 * Looks for a browser without installing one: HOLDFAST_CHROMIUM, the usual places, Playwright's own.
 *
 * @returns {Promise<string | undefined>}
 */
export async function findBrowser() {
  const chosen = process.env['HOLDFAST_CHROMIUM'];
  if (chosen) {
    if (!isProgram(chosen)) throw new Error(`HOLDFAST_CHROMIUM names ${chosen}, which is not a program.`);
    return chosen;
  }
  return usualPlaces().find(isProgram) ?? (await playwrightBrowser());
}

/**
 * Installs Chromium where none is found: Debian's package as root on Debian, else Playwright's build.
 *
 * @returns {Promise<string>} the path of its program
 * @throws when none could be installed, saying how to name one
 */
export async function findOrInstallBrowser() {
  const found = await findBrowser();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log('Installing chromium with apt-get');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update'], { env });
    await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { env });
  } else {
    console.log('Installing chromium with playwright');
    await run('npx', ['playwright', 'install', 'chromium']);
  }
  const browser = await findBrowser();
  if (browser === undefined) {
    throw new Error('No Chromium was found or could be installed. Set HOLDFAST_CHROMIUM to the path of one.');
  }
  return browser;
}
