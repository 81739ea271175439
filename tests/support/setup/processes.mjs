// Starts other programs for the scripts here; needs nothing installed.
import { spawn } from 'node:child_process';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../../..');

/**
 * Runs a program with this terminal's output.
 *
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {{ env?: Readonly<Record<string, string>> }} [options] variables added to the environment
 * @returns {Promise<number>} its exit code; 1 when a signal ended it, 127 when it could not be started
 */
export function run(command, parameters, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...options.env },
      // npm and npx are .cmd files on Windows, which only a shell can start.
      shell: process.platform === 'win32' && !path.isAbsolute(command),
    });
    child.on('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(127);
    });
    child.on('close', (code) => {
      resolve(code ?? 1);
    });
  });
}

/**
 * Runs a program and keeps its output.
 *
 * @param {string} command
 * @param {readonly string[]} parameters
 * @returns {Promise<{ code: number, output: string }>} standard output and errors together
 */
export function capture(command, parameters) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += String(data)));
    child.stderr.on('data', (data) => (output += String(data)));
    child.on('error', (error) => {
      resolve({ code: 127, output: error.message });
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output });
    });
  });
}

/**
 * The path of a program that a development dependency brings.
 *
 * @param {string} packagePath such as `typescript/bin/tsc`
 * @returns {string}
 */
export function installed(packagePath) {
  return path.join(root, 'node_modules', packagePath);
}
