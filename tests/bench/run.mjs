// Runs the named workloads (all without a name): each subject in turn, in the same browser, over the same server, with a
// fresh profile each. See docs for what they mean.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { build } from 'vite';
import { findBrowser } from '../support/setup/browser-path.mjs';
import { startBenchServer } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '100000' },
    changes: { type: 'string', default: '1000' },
    writes: { type: 'string', default: '500' },
    delay: { type: 'string', default: '0' },
    json: { type: 'string' },
  },
});
const records = Number(values.records);

/** @type {Record<string, { subjects: string[], n: number, unit: string }>} */
const workloads = {
  W1: { subjects: ['holdfast', 'idb', 'dexie'], n: records, unit: 's for the first download' },
  W3: { subjects: ['holdfast', 'workbox'], n: Number(values.changes), unit: 's for the upload' },
  W5: { subjects: ['holdfast', 'bare-worker', 'workbox'], n: Number(values.writes), unit: 's for one write, p50' },
};
const chosen = positionals.length === 0 ? Object.keys(workloads) : positionals;

/** @param {string} folder */
async function buildSubjects(folder) {
  for (const name of ['page', 'holdfast-worker', 'bare-worker', 'workbox-worker']) {
    await build({
      configFile: false,
      root: here,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"' },
      build: {
        outDir: folder,
        emptyOutDir: false,
        target: 'es2023',
        lib: {
          entry: path.join(here, name === 'page' ? 'page.ts' : `workers/${name}.ts`),
          formats: ['iife'],
          name: 'subject',
          fileName: () => `${name}.js`,
        },
      },
    });
  }
  writeFileSync(path.join(folder, 'index.html'), '<!doctype html><title>bench</title><script src="/page.js"></script>');
}

/** @param {readonly number[]} list @param {number} share */
function quantile(list, share) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** @param {string} url @param {string} workload @param {string} subject @param {number} n @returns {Promise<number[]>} */
async function measure(url, workload, subject, n) {
  const profile = mkdtempSync(path.join(tmpdir(), 'bench-profile-'));
  const executablePath = await findBrowser();
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
  const context = await chromium.launchPersistentContext(profile, {
    ...(executablePath === undefined ? {} : { executablePath }),
    args: ['--no-sandbox', ...quiet],
  });
  try {
    const page = await context.newPage();
    await page.goto(url);
    return await page.evaluate(`subjects[${JSON.stringify(workload)}][${JSON.stringify(subject)}](${n})`);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
await buildSubjects(folder);
const server = await startBenchServer({ folder, count: records, delayMs: Number(values.delay) });
/** @type {{ workload: string, n: number, subject: string, seconds: number[], median: number, unit: string }[]} */
const results = [];
try {
  for (const name of chosen) {
    const workload = workloads[name];
    if (workload === undefined) throw new Error(`There is no workload ${name}: ${Object.keys(workloads).join(', ')}`);
    const { subjects, n, unit } = workload;
    /** @type {Map<string, number[]>} */
    const seconds = new Map(subjects.map((subject) => [subject, []]));
    const tails = new Map(subjects.map((subject) => [subject, /** @type {number[]} */ ([])]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const subject of subjects) {
        const measured = await measure(server.url, name, subject, n);
        seconds.get(subject)?.push(quantile(measured, 0.5));
        tails.get(subject)?.push(quantile(measured, 0.95));
      }
    }
    const ours = quantile(seconds.get('holdfast') ?? [], 0.5);
    console.log(`\n${name}, n = ${n} (${unit})`);
    for (const subject of subjects) {
      const list = seconds.get(subject) ?? [];
      const median = quantile(list, 0.5);
      const range = `${Math.min(...list).toFixed(4)} to ${Math.max(...list).toFixed(4)}`;
      const tail = n > 1 && name === 'W5' ? `, p95 ${quantile(tails.get(subject) ?? [], 0.5).toFixed(4)}` : '';
      console.log(
        `  ${subject.padEnd(12)} ${median.toFixed(4)} (${range})${tail}  ${(median / ours).toFixed(2)} times ours`,
      );
      results.push({ workload: name, n, subject, seconds: list, median, unit });
    }
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
