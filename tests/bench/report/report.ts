import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ours, figuresOf, type Result } from '../harness/measure.ts';
import { distancesOf, judge } from '../harness/print.ts';
import { workloads } from '../harness/registry.ts';
import { round, withUnit } from '../harness/statistics.ts';
import type { Workload } from '../harness/workload.ts';
import { barChart, growthChart } from './chart.ts';
import { writeFaultTable } from './fault-table.ts';
import { describeMachine } from './machine.ts';

const docs = path.join(import.meta.dirname, '../../../docs');
const charts = path.join(docs, 'performance');

/** The metrics that are drawn as bars. */
const drawn = [
  { workload: 'W1', n: 100_000, metric: 'seconds' },
  { workload: 'W3', n: 1000, metric: 'seconds' },
  { workload: 'W6', n: 100_000, metric: 'filter' },
  { workload: 'W9', n: 100_000, metric: 'disk' },
];

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}

function drawBars(workload: Workload, results: readonly Result[]): readonly string[] {
  return drawn
    .filter((one) => one.workload === workload.name)
    .flatMap(({ n, metric }) => {
      const rows = results.filter((result) => result.n === n && result.metric === metric);
      const [first] = rows;
      if (first === undefined || rows.length < 2) return [];
      const title = `${workload.name}, n = ${n}: ${workload.metrics[metric]?.says ?? metric}`;
      const bars = rows.map(({ subject, median }) => ({
        name: subject,
        value: median,
        isOurs: subject.startsWith(ours),
      }));
      const file = `${workload.name}-${metric}.svg`;
      writeFileSync(path.join(charts, file), barChart(title, bars, first.unit));
      return [`![${title}](performance/${file})`, ''];
    });
}

function drawCurves(workload: Workload, results: readonly Result[]): readonly string[] {
  if (!workload.name.startsWith('growth-') || new Set(results.map(({ n }) => n)).size < 2) return [];
  const curves = Object.entries(workload.metrics).flatMap(([metric, { says }]) => {
    const points = results
      .filter((result) => result.metric === metric && result.median > 0)
      .map(({ n, median }) => ({ n, value: median }));
    return points.length === 0 ? [] : [{ name: says, points }];
  });
  writeFileSync(path.join(charts, `${workload.name}.svg`), growthChart(workload.title, curves));
  return [`![${workload.title}](performance/${workload.name}.svg)`, ''];
}

function figureRows(workload: Workload, results: readonly Result[]): readonly (readonly string[])[] {
  const { ratio } = figuresOf(results);
  return results
    .filter((result) => result.failed === undefined)
    .map(({ n, metric, subject, seconds, median, unit }) => {
      const range = `${withUnit(Math.min(...seconds), unit)} to ${withUnit(Math.max(...seconds), unit)}`;
      const factor = ratio(metric, n, subject);
      const times = subject === ours || !Number.isFinite(factor) ? '' : `${round(factor)} ×`;
      const name = subject === ours ? `**${subject}**` : subject;
      const says = workload.metrics[metric]?.says ?? metric;
      return [n.toLocaleString('en'), says, name, withUnit(median, unit), range, String(seconds.length), times];
    });
}

function describeLimit(workload: Workload, results: readonly Result[]): readonly string[] {
  const rows = distancesOf(workload, results).map(({ metric, n, limit, own, unit }) => [
    n.toLocaleString('en'),
    workload.metrics[metric]?.says ?? metric,
    withUnit(limit, unit),
    withUnit(own, unit),
    `${round(own / limit)} ×`,
  ]);
  if (rows.length === 0) return [];
  const says = `The limit here: ${workload.limit?.says ?? ''} (\`${workload.limit?.subject ?? ''}\`).`;
  return [says, '', ...table(['n', 'what', 'limit', 'ours', 'ours in limits'], rows)];
}

const head = ['n', 'what', 'subject', 'median', 'range', 'rounds', 'in times of ours'];

function describeWorkload(workload: Workload, all: readonly Result[]): readonly string[] {
  const results = all.filter((result) => result.workload === workload.name);
  if (results.length === 0) return [];
  const lines = [`## ${workload.name}`, '', `${workload.title[0]?.toUpperCase()}${workload.title.slice(1)}.`, ''];
  for (const engine of new Set(results.map((result) => result.engine))) {
    const own = results.filter((result) => result.engine === engine);
    if (engine !== 'chromium') lines.push(`In ${engine === 'firefox' ? 'Firefox' : 'WebKitGTK'}:`, '');
    else lines.push(...drawBars(workload, own), ...drawCurves(workload, own));
    lines.push(...table(head, figureRows(workload, own)));
    for (const { subject, n, failed } of own.filter((result) => result.failed !== undefined)) {
      lines.push(`- ${subject} gave no figure for ${n.toLocaleString('en')}: ${failed?.split('\n')[0] ?? ''}`, '');
    }
    lines.push(...describeLimit(workload, own));
    const verdicts = engine === 'chromium' ? judge(workload, own) : [];
    const rows = verdicts.map(({ says, value, isMet }) => [
      says,
      round(value),
      isMet === null ? 'not measured' : isMet ? 'met' : '**not met**',
    ]);
    if (rows.length > 0) lines.push(...table(['target', 'value', ''], rows));
  }
  for (const remark of workload.remarks ?? []) lines.push(remark, '');
  return lines;
}

/** Writes docs/performance.md with its charts, and the table of peers under faults, from the results and nothing else. */
export function writeReport(results: readonly Result[]): void {
  mkdirSync(charts, { recursive: true });
  const browsers = [...new Set(results.map((result) => result.browser))].filter((name) => name !== '');
  const days = [...new Set(results.map((result) => result.at.slice(0, 10)))].sort();
  const lines = [
    '# Performance',
    '',
    'Written by `npm run bench -- --report`; the workloads and their targets are in `tests/bench/workloads/`. Take the ratios, not',
    'the seconds: all subjects of a round run in turn in the same browser, against the same server on the same machine, with a',
    'fresh profile each.',
    '',
    `Measured on ${days.join(' and ')}:`,
    '',
    ...describeMachine(browsers).map((line) => `- ${line}`),
    '',
    ...workloads.flatMap((workload) => describeWorkload(workload, results)),
  ];
  writeFileSync(path.join(docs, 'performance.md'), `${lines.join('\n').trimEnd()}\n`);
  writeFaultTable(results);
}
