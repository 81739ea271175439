import { describe, expect, test } from 'vitest';
import {
  columnValue,
  compareValues,
  compileFilter,
  compileVectorFilter,
  mayMatch,
  parseFilter,
  type CompileOptions,
  type FilterParameters,
} from '../../sw/filter/index.ts';
import { FilterError } from '../../sw/protocol/errors.ts';

const products = [
  { Code: 1, Name: 'Coca Cola', Stock: 100 },
  { Code: 2, Name: 'Pepsi Cola', Stock: 200 },
  { Code: 3, Name: 'Pork Chops', Stock: 300 },
];
const types = { Code: 'number', Name: 'string', Stock: 'number' } as const;

function codes(text: string, options: CompileOptions = { types }): readonly number[] {
  const { test: matches } = compileFilter(parseFilter(text, { table: 'products', ...options }), options);
  return products.filter(matches).map(({ Code }) => Code);
}

function warnings(text: string, params: FilterParameters = {}): readonly string[] {
  return compileFilter(parseFilter(text), { types: { ...types, Day: 'date', Open: 'boolean' }, params }).warnings;
}

describe('a compiled filter', () => {
  test('finds the colas by FIELD(Products,Name) LIKE "%Cola" (K-05)', () => {
    expect(codes('FIELD(Products,Name) LIKE "%Cola"')).toEqual([1, 2]);
  });

  test('finds all three products by FIELD(Products,Code) <> 0 (K-05)', () => {
    expect(codes('FIELD(Products,Code) <> 0')).toEqual([1, 2, 3]);
  });

  test.each([
    ["Stock = '200'", [2]],
    ["Stock < '90'", []],
    ["Name LIKE 'p%' AND NOT Stock > 200", [2]],
    ['Stock BETWEEN 100 AND 200', [1, 2]],
    ['Stock = NULL OR Stock <> NULL', []],
    ["Code IN (1, '3', NULL)", [1, 3]],
    ['Code NOT IN (1, NULL)', []],
    ['Missing IS NULL AND NOT Missing = 1 OR Code = 2', [2]],
    ['Stock > Code AND Code > 2', [3]],
  ])('applies %s by the declared types (K-07)', (text, expected) => {
    expect(codes(text)).toEqual(expected);
  });

  test("compares undeclared columns by the values' own types", () => {
    expect(codes("Stock = '200'", {})).toEqual([]);
    expect(codes("stock = 200 AND NAME = 'Pepsi Cola'", {})).toEqual([2]);
  });

  test('reads only own fields', () => {
    expect(codes('toString IS NULL AND constructor IS NULL AND __proto__ IS NULL')).toEqual([1, 2, 3]);
  });

  test.each([
    ["day = '2024-05-01'", true],
    ["day = '2024-05-01T02:00+02:00'", true],
    ["day = '2024-05-01 00:00:00'", true],
    ["day < '2024-05-01T00:00:00.001Z'", true],
    ["day BETWEEN '2024-04-30T23:00-01:00' AND :now", true],
    ["day > '2024-05-01T00:00:00+00:01'", true],
    ["day <> '2024-05-01T00:00Z'", false],
    ["day LIKE '2024-05-01T%'", true],
    ['day = 1714521600000', true],
    ["day IN ('2023-01-01', '2024-05-01T00:00')", true],
  ])('compares dates by instant: %s', (text, expected) => {
    const { test: matches } = compileFilter(parseFilter(text.replaceAll(':now', "'2024-05-01'")), {
      types: { day: 'date' },
    });
    expect(matches({ day: '2024-05-01T00:00:00Z' })).toBe(expected);
    expect(matches({ day: '2024-04-30T19:00:00-0500' })).toBe(expected);
  });

  test('takes a Date for a parameter', () => {
    const { test: matches } = compileFilter(parseFilter('day = :day'), {
      types: { day: 'date' },
      params: { day: new Date('2024-05-01') },
    });
    expect(matches({ day: '2024-05-01' })).toBe(true);
  });

  test('reads booleans from JSON, 0 and 1, and texts', () => {
    const { test: matches } = compileFilter(parseFilter('open = TRUE'), { types: { open: 'boolean' } });
    expect([true, 1, 'true', 'TRUE', '1', false, 0, 'false', 'yes', null].map((open) => matches({ open }))).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  test('orders texts by code point, where JavaScript orders by UTF-16 unit', () => {
    const compare = compareValues('string');
    const sorted = ['\u{1F600}', '\uFFEE', '\uD7FF', '\uE000', 'z', null, 'Z'].sort(compare);
    expect(sorted).toEqual([null, 'Z', 'z', '\uD7FF', '\uE000', '\uFFEE', '\u{1F600}']);
  });

  test('reads what has no JSON number or text as columnValue says', () => {
    expect(columnValue({ a: [1] })).toBe('{"a":[1]}');
    expect([columnValue(undefined), columnValue(NaN), columnValue(undefined, 'number')]).toEqual([null, null, null]);
    expect(['2024-02-30x', '2024-13-01', 'May 1 2024'].map((text) => columnValue(text, 'date'))).toEqual([
      '2024-02-30x',
      '2024-13-01',
      'May 1 2024',
    ]);
  });
});

describe('parameters and columns of a filter', () => {
  test('must have values', () => {
    const tree = parseFilter('Stock < :limit');
    expect(() => compileFilter(tree, { params: { limt: 5 } })).toThrow(FilterError);
    expect(() => compileFilter(tree, { params: { limt: 5 } })).toThrow(/:limit.*Did you mean limt\?/u);
    expect(() => compileFilter(parseFilter('Stock < :toString'))).toThrow(FilterError);
  });

  test('must be known where the table is closed (K-09)', () => {
    const tree = parseFilter('Stokc < 5');
    expect(() => compileFilter(tree, { known: new Set(['Stock']) })).toThrow(/Did you mean Stock\?/u);
    expect(codes('stock < 150', { known: new Set(['Stock', 'Code', 'Name']) })).toEqual([1]);
  });

  test('that are not used give a warning', () => {
    expect(warnings('Stock < :limit', { limit: 5, other: 6 })).toEqual([
      'The parameter :other is not used by the filter.',
    ]);
  });

  test.each([
    ["Stock = 'abc'", '"Stock" is declared as number; it never equals \'abc\'.'],
    ["'abc' <> Stock", '"Stock" is declared as number; it never equals \'abc\'.'],
    ["Day IN ('2024-05-01', 'tomorrow')", '"Day" is declared as date; it never equals \'tomorrow\'.'],
    ["Open = 'yes'", '"Open" is declared as boolean; it never equals \'yes\'.'],
    ['Name = NULL', '"Name" compared with NULL is never true; write IS NULL or IS NOT NULL.'],
  ])('that can never match give a warning: %s', (text, warning) => {
    expect(warnings(text)).toEqual([warning]);
  });

  test('that fit give no warning', () => {
    expect(warnings("Stock = '7' AND Name = 7 AND Day > '2024-05-01' AND Open = 'true' AND Code IN (1, NULL)")).toEqual(
      [],
    );
  });
});

describe('a filter over column vectors', () => {
  const vectors = {
    Stock: { type: 'number', values: Float64Array.of(100, 200, NaN, 7), nulls: Uint8Array.of(0, 0, 0, 1) },
    Name: { type: 'string', text: 'Coca Cola\u{1F600}x', ends: Uint32Array.of(9, 9, 11, 12), nulls: null },
  } as const;

  test.each([
    ['Stock >= 100', [1, 1, 0, 0]],
    ['NOT Stock > 100', [1, 0, 0, 0]],
    ['Stock IS NULL', [0, 0, 1, 1]],
    ["Stock < 'abc'", [1, 1, 0, 0]],
    ['Stock IN (200, 7)', [0, 1, 0, 0]],
    ["Name LIKE '%cola'", [1, 0, 0, 0]],
    ["Name LIKE '_'", [0, 0, 1, 1]],
    ["Name = ''", [0, 1, 0, 0]],
    ["Name > '\uffff'", [0, 0, 1, 0]],
    ['Stock LIKE :stock OR Name = Stock', [0, 1, 0, 0]],
    ['Name LIKE NULL OR NULL', [0, 0, 0, 0]],
  ])('marks the rows for %s', (text, expected) => {
    const filter = compileVectorFilter(parseFilter(text), { types, params: { stock: '2%' } });
    expect([...filter(vectors, 4)]).toEqual(expected);
  });

  test('needs the vectors of all its columns', () => {
    expect(() => compileVectorFilter(parseFilter('Code = 1'))(vectors, 4)).toThrow(/"Code", which has no vector/u);
  });
});

describe('the bounds of a leaf', () => {
  const bounds = {
    Stock: { min: 100, max: 200, hasNull: false },
    Name: { min: 'Coca', max: 'Pepsi', hasNull: true },
    Code: { min: null, max: null, hasNull: true },
  };

  test.each([
    ['Stock < 100', false],
    ['Stock <= 100', true],
    ['Stock = 150', true],
    ['Stock = 250 OR Stock IN (1, 300)', false],
    ['Stock IN (1, 150, 300)', true],
    ['NOT Stock >= 100', false],
    ['Stock <> 100', true],
    ['Stock IS NULL', false],
    ['Name IS NULL', true],
    ["Name > 'Q' AND Other = 1", false],
    ["Name LIKE 'cO%' AND NOT Code LIKE 'x'", false],
    ['Code = 1 OR Code <> 1 OR NOT Code IN (1)', false],
    ['Code IS NULL', true],
    ['Other = 1', true],
    ['Stock = Name', true],
    ['FALSE', false],
  ])('decide for %s', (text, expected) => {
    expect(mayMatch(parseFilter(text), bounds, { types })).toBe(expected);
  });
});
