import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(path.join(root, 'docs/guarantees.md'), 'utf8');

interface Case {
  readonly title: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

/** What the page lists: a case in bold, and under it its tests. */
const cases: readonly Case[] = page
  .replace(/## Limits[^]*/, '')
  .split(/^- \*\*/m)
  .slice(1)
  .map((text) => ({
    title: /^(.*?)\*\*/s.exec(text)?.[1] ?? '',
    tests: [...text.matchAll(/^ {2}- `(tests\/[^`]+)`: (.+)$/gm)].map(([, file = '', name = '']) => ({ file, name })),
  }));

describe('the page of guarantees', () => {
  it('names a test for each case', () => {
    expect(cases.length).toBeGreaterThan(35);
    expect(cases.filter(({ tests }) => tests.length === 0).map(({ title }) => title)).toEqual([]);
  });

  it('names tests that exist', () => {
    const missing = cases.flatMap(({ tests }) =>
      tests.filter(({ file, name }) => {
        const source = path.join(root, file);
        // A name stands behind a quotation mark; one that is made of parts may begin with one.
        return (
          !existsSync(source) || !["'", '"', '`'].some((quote) => readFileSync(source, 'utf8').includes(quote + name))
        );
      }),
    );
    expect(missing).toEqual([]);
  });
});
