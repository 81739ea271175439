import { figuresOf, ours, type Result } from './measure.ts';
import { round, withUnit } from './statistics.ts';
import type { Target, Workload } from './workload.ts';

export interface Verdict {
  readonly says: string;
  readonly value: number;
  readonly isMet: boolean | null;
}

function isMet(
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Target,
  value: number,
): boolean {
  return value >= atLeast && value <= atMost;
}

/** What became of each target; null where what it is computed from was not measured. */
export function judge(workload: Workload, results: readonly Result[]): readonly Verdict[] {
  const figures = figuresOf(results);
  return (workload.targets ?? []).map((target) => {
    const value = target.value(figures);
    return { says: target.says, value, isMet: Number.isNaN(value) ? null : isMet(target, value) };
  });
}

export interface Distance {
  readonly metric: string;
  readonly n: number;
  readonly limit: number;
  readonly own: number;
  readonly unit: string;
}

/** How far ours is from what the machine can do at best, where both were measured. */
export function distancesOf(workload: Workload, results: readonly Result[]): readonly Distance[] {
  const names = [workload.limit?.subject, 'bare-worker'];
  return results
    .filter((result) => result.subject === ours && result.failed === undefined)
    .flatMap(({ metric, n, median, unit }) => {
      const best = names
        .map((name) => results.find((one) => one.subject === name && one.metric === metric && one.n === n))
        .find((one) => one !== undefined);
      return workload.limit === undefined || best === undefined
        ? []
        : [{ metric, n, limit: best.median, own: median, unit }];
    });
}

/** The results of one workload as lines of text. */
export function describeResults(workload: Workload, results: readonly Result[]): readonly string[] {
  const lines = [`\n${workload.name}: ${workload.title}`];
  const { ratio } = figuresOf(results);
  for (const n of new Set(results.map((result) => result.n))) {
    for (const [metric, { says, unit }] of Object.entries(workload.metrics)) {
      const rows = results.filter((result) => result.n === n && result.metric === metric);
      if (rows.length > 0) lines.push(`  ${says}, n = ${n}`);
      for (const { subject, seconds, median } of rows) {
        const range = `${withUnit(Math.min(...seconds), unit)} to ${withUnit(Math.max(...seconds), unit)}`;
        const factor = ratio(metric, n, subject);
        const times = subject === ours || !Number.isFinite(factor) ? '' : `${round(factor)} times ours`;
        lines.push(
          `    ${subject.padEnd(16)} ${withUnit(median, unit).padEnd(10)} (${range}, ${seconds.length} rounds)  ${times}`,
        );
      }
    }
    for (const { subject, failed } of results.filter((result) => result.n === n && result.failed !== undefined)) {
      lines.push(`    ${subject.padEnd(16)} failed: ${failed}`);
    }
  }
  for (const { metric, n, limit, own, unit } of distancesOf(workload, results)) {
    const says = workload.metrics[metric]?.says ?? metric;
    lines.push(
      `  ${`${round(own / limit)} limits`.padEnd(12)} ${says}, n = ${n}; the limit is ${withUnit(limit, unit)}`,
    );
  }
  for (const { says, value, isMet: met } of judge(workload, results)) {
    const word = met === null ? 'not measured' : met ? 'met' : 'NOT MET';
    lines.push(`  ${word.padEnd(12)} ${says}: ${round(value)}`);
  }
  return lines;
}
