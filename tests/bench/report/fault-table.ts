import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Result } from '../harness/measure.ts';
import { faultCases } from '../workloads/faults.ts';

const document = path.join(import.meta.dirname, '../../../docs/guarantees.md');
const marked = /(?<=<!-- peers -->\n)[^]*(?=<!-- end of peers -->)/;

/** What of a case is not as it should be, in words. */
function verdict(results: readonly Result[], subject: string, n: number): string {
  const own = results.filter((result) => result.subject === subject && result.n === n);
  const failure = own.find(({ failed }) => failed !== undefined);
  if (failure !== undefined) return 'did not end';
  const counts = own.filter(({ metric, median }) => metric !== 'reported' && median > 0);
  const reported = own.find(({ metric }) => metric === 'reported')?.median ?? 0;
  const words = counts.map(({ metric, median }) => `**${median} ${metric}**`);
  if (reported > 0) words.push(`${reported} reported`);
  return words.length === 0 ? 'all there, once' : words.join(', ');
}

/** Writes the table of what peers do under the same faults into docs/guarantees.md, between its marks. */
export function writeFaultTable(all: readonly Result[]): void {
  const results = all.filter(({ workload, engine }) => workload === 'faults' && engine === 'chromium');
  if (results.length === 0 || !existsSync(document)) return;
  const text = readFileSync(document, 'utf8');
  if (!marked.test(text)) throw new Error(`${document} has no place for the table of peers.`);
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = faultCases.map(({ says }, index) =>
    line([says, ...subjects.map((subject) => verdict(results, subject, index + 1))]),
  );
  const lines = [line(['of 200 new records', ...subjects]), line(['---', ...subjects.map(() => '---')]), ...rows];
  writeFileSync(
    document,
    text.replace(marked, () => `\n${lines.join('\n')}\n\n`),
  );
}
