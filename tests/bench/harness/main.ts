import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeReport } from '../report/report.ts';
import { startBenchServer } from '../server/server.ts';
import type { EngineName } from '../../support/engines/engine.ts';
import { buildSubjects } from './build-subjects.ts';
import { measureWorkload, ours, type Result } from './measure.ts';
import { describeResults } from './print.ts';
import { findWorkloads, soaks, workloads } from './registry.ts';

const help = `npm run bench -- [W1 W3 …] [options]

  --rounds N        rounds for each subject (5)
  --n 1000,10000    only the cases of these sizes
  --subjects a,b    only these peers
  --engine a,b      chromium, firefox or webkit (chromium); of several, the others take W1, W5 and W6
  --delay MS        how long the server waits before it answers (0)
  --json FILE       also writes the figures there
  --report          writes docs/performance.md, from these figures and those of --from
  --from FILE,FILE  figures of earlier runs, as --json wrote them; with --report and --none nothing is measured
  --none            measures nothing
  --soak            the soak runs instead (npm run soak)
  --verbose         prints each measurement`;

function engineOf(name: string): EngineName {
  if (name === 'chromium' || name === 'firefox' || name === 'webkit') return name;
  throw new Error(`--engine is chromium, firefox or webkit, not ${name}.`);
}

function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(',').map((part) => part.trim());
}

function isResults(value: unknown): value is Result[] {
  return Array.isArray(value) && value.every((one) => typeof Object(one) === 'object' && 'workload' in Object(one));
}

function readResults(file: string): readonly Result[] {
  const results: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isResults(results)) throw new Error(`${file} holds no figures of a benchmark.`);
  return results;
}

/** The later figures take the place of the earlier ones of the same workload, size and engine. */
function merge(earlier: readonly Result[], later: readonly Result[]): readonly Result[] {
  const place = ({ workload, n, engine }: Result): string => `${workload} ${n} ${engine}`;
  const replaced = new Set(later.map(place));
  return [...earlier.filter((result) => !replaced.has(place(result))), ...later];
}

/** The drivers close their browsers at a signal, and what was measured just then would be taken for a failure of its subject. */
function endAtSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
}

export async function main(parameters: readonly string[]): Promise<void> {
  endAtSignals();
  const { values, positionals } = parseArgs({
    args: [...parameters],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      n: { type: 'string' },
      subjects: { type: 'string' },
      engine: { type: 'string', default: 'chromium' },
      delay: { type: 'string' },
      json: { type: 'string' },
      report: { type: 'boolean', default: false },
      from: { type: 'string' },
      none: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const chosen = values.none ? [] : findWorkloads(values.soak ? soaks : workloads, positionals);
  const sizes = listOf(values.n)?.map(Number);
  const only = listOf(values.subjects);
  const engines = (listOf(values.engine) ?? []).map(engineOf);
  const names = new Set(chosen.flatMap(({ cases }) => cases.flatMap(({ subjects }) => subjects)));
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  const results: Result[] = [];
  try {
    await buildSubjects(
      folder,
      [...names].filter((name) => name === ours || only === undefined || only.includes(name)),
    );
    const server = await startBenchServer(folder);
    try {
      for (const { engine, workload } of chosen.flatMap((one) =>
        engines.map((name) => ({ engine: name, workload: one })),
      )) {
        const { elsewhere } = workload;
        const isElsewhere = engines.length > 1 && engine !== engines[0];
        if (isElsewhere && elsewhere === undefined) continue;
        const wanted = isElsewhere ? elsewhere : undefined;
        const isWanted = (n: number): boolean => (sizes?.includes(n) ?? true) && (wanted?.sizes.includes(n) ?? true);
        const measured = await measureWorkload(workload, ({ n }) => isWanted(n), {
          server,
          engine,
          rounds: Number(values.rounds),
          delayMs: values.delay === undefined ? undefined : Number(values.delay),
          only: wanted?.subjects ?? only,
          log: values.verbose ? (line) => console.log(line) : () => undefined,
        });
        results.push(...measured);
        if (engines.length > 1) console.log(`\nIn ${engine}:`);
        for (const line of describeResults(workload, measured)) console.log(line);
        if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
      }
    } finally {
      await server.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const earlier = (listOf(values.from) ?? []).flatMap((file) => readResults(file));
  if (values.report) writeReport(merge(earlier, results));
}
