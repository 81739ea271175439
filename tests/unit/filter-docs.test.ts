import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilter, parseFilter, parseOrderBy, printFilter, toFilterTree } from '../../sw/filter/index.ts';
import { readToken, type Token } from '../../sw/filter/tokens.ts';
import { FilterError } from '../../sw/protocol/errors.ts';
import { filterBuilder } from '../../sw/protocol/filter-builder.ts';
import { type ColumnType, isOneCharacter } from '../../sw/protocol/filter-tree.ts';
import { type Expression, type Grammar, parseGrammar, recognizes } from './ebnf.ts';
import { filterTree, propertyOptions } from './filter-arbitraries.ts';

const page = readFileSync(new URL('../../docs/filters.md', import.meta.url), 'utf8');
const grammar: Grammar = parseGrammar(/```ebnf\n([^]*?)```/u.exec(page)?.[1] ?? '');
const reserved = ['AND', 'OR', 'NOT', 'LIKE', 'IN', 'BETWEEN', 'IS', 'ESCAPE', 'TRUE', 'FALSE', 'NULL'];

/** The rows of the table whose head begins so, as lists of cells. */
function rowsOf(head: string): string[][] {
  const lines = page.split('\n');
  const at = lines.findIndex((line) => line.startsWith(head));
  const rows = lines.slice(at + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const columns: Readonly<Record<string, ColumnType>> = {
  Code: 'number',
  Name: 'string',
  Stock: 'number',
  Sold: 'date',
  Organic: 'boolean',
};

const records = rowsOf('| Code |').map(([Code, Name, Stock, Sold, Organic]) => ({
  Code: Number(Code),
  Name: Name ?? '',
  Stock: Stock === 'NULL' ? null : Number(Stock),
  Sold: Sold === 'NULL' ? null : (Sold ?? null),
  Organic: Organic === 'NULL' ? null : Organic === 'true',
}));

describe('the page on filters', () => {
  test.each(rowsOf('| filter '))('is right that %s matches %s', (cell = '', codes = '') => {
    const text = /^(`+) ?(.*?) ?\1$/u.exec(cell)?.[2] ?? '';
    const { test: matches, warnings } = compileFilter(parseFilter(text, { types: columns, table: 'products' }), {
      types: columns,
    });
    const found = records.filter(matches).map(({ Code }) => Code);
    const wanted = codes === 'none' ? [] : codes === '1 to 4' ? [1, 2, 3, 4] : codes.split(', ').map(Number);
    expect(found).toEqual(wanted);
    expect(warnings).toHaveLength(/'abc'|= NULL/u.test(text) ? 1 : 0);
  });

  test('shows three forms that are one tree (K-08)', () => {
    const { field, and, param } = filterBuilder<{ Name: string; Stock: number }>();
    const object = { Name: { like: '%Cola' }, Stock: { lt: { param: 'n' } } };
    const built = and(field('Name').like('%Cola'), field('Stock').lt(param('n')));
    expect(toFilterTree('Name LIKE "%Cola" AND Stock < :n')).toEqual(built);
    expect(toFilterTree(object)).toEqual(built);
  });

  test('shows the error as it is', () => {
    const known = new Set(Object.keys(columns));
    let message = '';
    try {
      parseFilter("Stock > 1 AND Nmae = 'x'", { known });
    } catch (error) {
      if (error instanceof FilterError) ({ message } = error);
    }
    expect(page).toContain(message.replace('a column of the table', 'a column of products'));
  });
});

function fits({ type, text }: Token, expression: Expression): boolean {
  if (expression.type === 'text') {
    return (type === 'word' || type === 'symbol') && text.toUpperCase() === expression.text;
  }
  if (expression.type !== 'token') return false;
  switch (expression.name) {
    case 'word':
      return type === 'word';
    case 'plain word':
      return type === 'word' && !reserved.includes(text.toUpperCase());
    case 'quoted name':
      return type === 'name';
    case 'character':
      return type === 'string' && isOneCharacter(text);
    default:
      return type === expression.name;
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let read = readToken(text, 0); read.token.type !== 'end'; read = readToken(text, read.next))
    tokens.push(read.token);
  return tokens;
}

function isTaken(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof FilterError) return false;
    throw error;
  }
}

const samples: Readonly<Record<string, readonly string[]>> = {
  word: ['Products', 'and', 'Größe'],
  'plain word': ['Stock', 'Name', 'asc', 'field', 'Größe'],
  'quoted name': ['`a b`', '[or]', '`x``y`'],
  string: ["'x'", '"it is"', "'O''Brien'", '""'],
  character: ["'!'", '"é"', "'😀'"],
  number: ['7', '1.5', '.5', '1e3'],
  parameter: [':n', ':name_2'],
};

/** Sentences of a rule, as lists of words; `depth` bounds how often rules may be entered. */
function sentences(expression: Expression, depth: number): fc.Arbitrary<readonly string[]> {
  const flat = (lists: readonly (readonly string[])[]): readonly string[] => lists.flat();
  switch (expression.type) {
    case 'text':
      return fc.constantFrom([expression.text], [expression.text.toLowerCase()]);
    case 'token':
      return fc.constantFrom(...(samples[expression.name] ?? []).map((text) => [text]));
    case 'rule': {
      const inner = grammar.get(expression.name);
      if (inner === undefined) throw new Error(`There is no rule ${expression.name}.`);
      return sentences(inner, depth - 1);
    }
    case 'sequence':
      return fc.tuple(...expression.parts.map((part) => sentences(part, depth))).map(flat);
    case 'choice': {
      // Each rule begins with what leads to an end.
      const parts = depth > 0 ? expression.parts : expression.parts.slice(0, 1);
      return fc.oneof(...parts.map((part) => sentences(part, depth)));
    }
    case 'option':
      return depth > 0
        ? fc.oneof(fc.constant<readonly string[]>([]), sentences(expression.part, depth))
        : fc.constant<readonly string[]>([]);
    case 'repetition':
      return depth > 0
        ? fc.array(sentences(expression.part, depth), { maxLength: 2 }).map(flat)
        : fc.constant<readonly string[]>([]);
  }
}

const vocabulary = [
  ...['AND', 'or', 'NOT', 'like', 'IN', 'between', 'IS', 'escape', 'TRUE', 'null', 'FIELD', 'ASC', 'desc', 'Stock'],
  ...['(', '(', ')', ')', ',', '=', '<>', '<', '+', '-', '7', "'x'", "'xy'", '`a b`', ':n'],
];

describe('the grammar of filters', () => {
  test('gives only sentences that the parser takes', () => {
    fc.assert(
      fc.property(sentences({ type: 'rule', name: 'filter' }, 9), (words) => {
        const text = words.join(' ');
        expect([text, isTaken(() => parseFilter(text))]).toEqual([text, true]);
      }),
      propertyOptions(1000),
    );
    fc.assert(
      fc.property(sentences({ type: 'rule', name: 'order' }, 6), (words) => {
        const text = words.join(' ');
        expect([text, isTaken(() => parseOrderBy(text))]).toEqual([text, true]);
      }),
      propertyOptions(300),
    );
  });

  test('has a place for every filter that is printed', () => {
    fc.assert(
      fc.property(filterTree, (tree) => {
        const text = printFilter(tree);
        expect([text, recognizes(grammar, 'filter', tokensOf(text), fits)]).toEqual([text, true]);
      }),
      propertyOptions(1000),
    );
  });

  test('and the parser take the same of what words happen to make', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 7 }), (words) => {
        const text = words.join(' ');
        const isFilter = isTaken(() => parseFilter(text));
        if (isFilter) taken += 1;
        const tokens = tokensOf(text);
        expect([text, recognizes(grammar, 'filter', tokens, fits)]).toEqual([text, isFilter]);
        expect([text, recognizes(grammar, 'order', tokens, fits)]).toEqual([text, isTaken(() => parseOrderBy(text))]);
      }),
      propertyOptions(5_000),
    );
    expect(taken).toBeGreaterThan(100);
  });
});
