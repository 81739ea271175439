import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startBenchServer } from '../server/server.ts';
import type { EngineName } from '../../support/engines/engine.ts';
import { buildSubjects } from './build-subjects.ts';
import { measureWorkload, ours, type Result } from './measure.ts';
import { describeResults } from './print.ts';
import { findWorkloads } from './registry.ts';

const help = `npm run bench -- [W1 W3 …] [options]

  --rounds N        rounds for each subject (5)
  --n 1000,10000    only the cases of these sizes
  --subjects a,b    only these peers
  --engine NAME     chromium, firefox or webkit (chromium)
  --delay MS        how long the server waits before it answers (0)
  --json FILE       also writes the figures there
  --verbose         prints each measurement`;

function engineOf(name: string): EngineName {
  if (name === 'chromium' || name === 'firefox' || name === 'webkit') return name;
  throw new Error(`--engine is chromium, firefox or webkit, not ${name}.`);
}

function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(',').map((part) => part.trim());
}

export async function main(parameters: readonly string[]): Promise<void> {
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
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const chosen = findWorkloads(positionals);
  const sizes = listOf(values.n)?.map(Number);
  const only = listOf(values.subjects);
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
      for (const workload of chosen) {
        const measured = await measureWorkload(workload, ({ n }) => sizes === undefined || sizes.includes(n), {
          server,
          engine: engineOf(values.engine),
          rounds: Number(values.rounds),
          delayMs: values.delay === undefined ? undefined : Number(values.delay),
          only,
          log: values.verbose ? (line) => console.log(line) : () => undefined,
        });
        results.push(...measured);
        for (const line of describeResults(workload, measured)) console.log(line);
        if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
      }
    } finally {
      await server.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
