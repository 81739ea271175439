// Finds, or installs, the browsers beside Chromium that the engine tests drive.
import { existsSync } from 'node:fs';
import { run } from './processes.mjs';

/** What drives each engine: the variable that names its program, where that usually is, and Debian's packages. */
const engines = [
  {
    name: 'Firefox',
    variable: 'HOLDFAST_FIREFOX',
    places: ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
    also: /** @type {string[]} */ ([]),
    packages: ['firefox-esr'],
  },
  {
    name: 'WebKitGTK',
    variable: 'HOLDFAST_WEBKIT',
    places: ['/usr/bin/WebKitWebDriver'],
    also: ['/usr/bin/Xvfb'],
    packages: ['webkit2gtk-driver', 'xvfb'],
  },
];

/** @param {typeof engines[number]} engine */
function programOf({ variable, places, also }) {
  const chosen = process.env[variable];
  if (chosen && !existsSync(chosen)) throw new Error(`${variable} names ${chosen}, which is not a program.`);
  if (chosen) return chosen;
  return also.every((file) => existsSync(file)) ? places.find((file) => existsSync(file)) : undefined;
}

/**
 * Looks for the browsers without installing any.
 *
 * @returns {Record<string, string>} the variables that name the programs; empty for what is not there
 */
export function findEngines() {
  return Object.fromEntries(engines.map((engine) => [engine.variable, programOf(engine) ?? '']));
}

/**
 * Installs with apt-get what is missing, where that is possible.
 *
 * @returns {Promise<{ env: Record<string, string>, notes: string[] }>} the variables, and a line for each engine that is not there
 */
export async function findOrInstallEngines() {
  const missing = engines.filter((engine) => programOf(engine) === undefined);
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    const packages = missing.flatMap((engine) => engine.packages);
    console.log(`Installing ${packages.join(', ')} with apt-get`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update'], { env });
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env });
  }
  const notes = engines
    .filter((engine) => programOf(engine) === undefined)
    .map(({ name, packages }) => `not run in ${name}, which is not installed: apt-get install ${packages.join(' ')}`);
  return { env: findEngines(), notes };
}
