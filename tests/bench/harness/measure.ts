import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BenchServer } from '../server/server.ts';
import type { EngineName } from '../../support/engines/engine.ts';
import { launchBrowser } from './browsers.ts';
import { median } from './statistics.ts';
import { Subject } from './subject.ts';
import type { Case, Figures, Workload } from './workload.ts';

/** One line of the results: a metric of a subject at a size, over the rounds. */
export interface Result {
  readonly workload: string;
  readonly metric: string;
  readonly engine: EngineName;
  readonly n: number;
  readonly subject: string;
  readonly seconds: readonly number[];
  readonly median: number;
  readonly unit: string;
  readonly browser: string;
  /** When, as ISO 8601. */
  readonly at: string;
  /** Why there is no figure. */
  readonly failed?: string;
}

export const ours = 'holdfast';

export interface MeasureOptions {
  readonly server: BenchServer;
  readonly engine: EngineName;
  readonly rounds: number;
  readonly delayMs: number | undefined;
  /** Subjects to measure beside ours; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly log: (line: string) => void;
}

async function measureOnce(
  workload: Workload,
  name: string,
  n: number,
  { server, engine, delayMs }: MeasureOptions,
): Promise<{ readonly measured: Readonly<Record<string, number>>; readonly version: string }> {
  const profile = mkdtempSync(path.join(tmpdir(), 'bench-profile-'));
  const subject = new Subject(name, server, profile, () => launchBrowser(engine, profile));
  server.state.delayMs = delayMs ?? workload.delayMs ?? 0;
  try {
    return { measured: await workload.measure(subject, n), version: subject.version };
  } finally {
    await subject.close();
    server.state.reset();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function roundsOf(workload: Workload, one: Case, name: string, { rounds }: MeasureOptions): number {
  return Math.min(rounds, workload.limits?.[name] ?? rounds, one.rounds ?? rounds);
}

async function measureCase(workload: Workload, one: Case, options: MeasureOptions): Promise<Result[]> {
  const { engine, only, log } = options;
  const subjects = one.subjects.filter((name) => name === ours || only === undefined || only.includes(name));
  const lists = new Map<string, number[]>();
  const failed = new Map<string, string>();
  let browser = '';
  for (let round = 0; round < options.rounds; round += 1) {
    for (const name of subjects) {
      if (failed.has(name) || round >= roundsOf(workload, one, name, options)) continue;
      try {
        const { measured, version } = await measureOnce(workload, name, one.n, options);
        browser = version === '' ? browser : version;
        for (const [metric, value] of Object.entries(measured)) {
          const id = `${name}\n${metric}`;
          lists.set(id, [...(lists.get(id) ?? []), value]);
        }
        log(`${workload.name} n=${one.n} round ${round + 1} ${name}: ${JSON.stringify(measured)}`);
      } catch (error) {
        failed.set(name, error instanceof Error ? error.message : String(error));
        log(`${workload.name} n=${one.n} ${name} failed: ${failed.get(name)}`);
      }
    }
  }
  const common = { workload: workload.name, engine, n: one.n, browser, at: new Date().toISOString() };
  const results = subjects.flatMap((subject) =>
    Object.entries(workload.metrics).flatMap(([metric, { unit }]): Result[] => {
      const seconds = lists.get(`${subject}\n${metric}`);
      return seconds === undefined ? [] : [{ ...common, metric, subject, seconds, median: median(seconds), unit }];
    }),
  );
  const broken = [...failed].map(([subject, why]): Result => ({
    ...common,
    metric: '',
    subject,
    seconds: [],
    median: Number.NaN,
    unit: '',
    failed: why,
  }));
  return [...results, ...broken];
}

export async function measureWorkload(
  workload: Workload,
  isWanted: (one: Case) => boolean,
  options: MeasureOptions,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of workload.cases.filter(isWanted)) results.push(...(await measureCase(workload, one, options)));
  return results;
}

export function figuresOf(results: readonly Result[]): Figures {
  const find = (metric: string, n: number, subject: string): number =>
    results.find((result) => result.metric === metric && result.n === n && result.subject === subject)?.median ??
    Number.NaN;
  return {
    median: (metric, n, subject = ours) => find(metric, n, subject),
    ratio: (metric, n, peer) => find(metric, n, peer) / find(metric, n, ours),
  };
}
