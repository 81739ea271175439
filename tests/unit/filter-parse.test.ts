import { describe, expect, test } from 'vitest';
import { parseFilter, parseOrderBy, type ParseOptions, printFilter } from '../../sw/filter/index.ts';
import { FilterError } from '../../sw/protocol/errors.ts';

const products: ParseOptions = { table: 'products', known: new Set(['Code', 'Name', 'Stock']) };

function failureOf(action: () => unknown): FilterError {
  try {
    action();
  } catch (error) {
    if (error instanceof FilterError) return error;
    throw error;
  }
  throw new Error('no FilterError was thrown');
}

describe('a filter text', () => {
  test.each([
    ['a column of a table', 'FIELD(Products,Name) = 1', 'Name = 1'],
    [
      'names and keywords in any case',
      'field( PRODUCTS , name ) like "x" aNd sTOCK iS nOt nULL',
      "Name LIKE 'x' AND Stock IS NOT NULL",
    ],
    ['quoted names', "FIELD('Products', [Name]) = 1 OR `Stock` = 2", 'Name = 1 OR Stock = 2'],
    [
      'every comparison',
      'Code=1 OR Code==1 OR Code<>1 OR Code!=1 OR Code<1 OR Code<=1 OR Code>1 OR Code>=1',
      'Code = 1 OR Code = 1 OR Code <> 1 OR Code <> 1 OR Code < 1 OR Code <= 1 OR Code > 1 OR Code >= 1',
    ],
    [
      'quotes doubled within either quotes',
      `Name IN ('it''s', "a ""b""", 'c "d"')`,
      `Name IN ('it''s', 'a "b"', 'c "d"')`,
    ],
    ['numbers', 'Code IN (1, -2, +3, .5, 1.25e2, -0)', 'Code IN (1, -2, 3, 0.5, 125, 0)'],
    ['constants', 'Name IN (TRUE, false, Null)', 'Name IN (TRUE, FALSE, NULL)'],
    ['an empty list', 'Name NOT IN ()', 'Name NOT IN ()'],
    ['parameters', 'Stock BETWEEN :low AND :high_2', 'Stock BETWEEN :low AND :high_2'],
    ['an escape', String.raw`Name LIKE '10\%' ESCAPE '\'`, String.raw`Name LIKE '10\%' ESCAPE '\'`],
    ['the constant on the left', '5 < Stock', '5 < Stock'],
    ['a column as a condition', 'NOT Stock AND Code', 'NOT Stock AND Code'],
    ['constants as conditions', "1 OR 0 OR 'three' OR '3 pieces' OR NULL", 'TRUE OR FALSE OR FALSE OR TRUE OR NULL'],
    ['parentheses around operands', '((Stock)) BETWEEN ((1)) AND (2)', 'Stock BETWEEN 1 AND 2'],
    ['AND before OR', 'Code=1 OR Code=2 AND Stock=3 OR Code=4', 'Code = 1 OR Code = 2 AND Stock = 3 OR Code = 4'],
    ['NOT over a comparison and before AND', 'NOT Code=1 AND NOT NOT Stock=2', 'NOT Code = 1 AND NOT NOT Stock = 2'],
    [
      'the AND of BETWEEN apart from the others',
      'Code BETWEEN 1 AND 2 AND Stock NOT BETWEEN 3 AND 4',
      'Code BETWEEN 1 AND 2 AND Stock NOT BETWEEN 3 AND 4',
    ],
    ['line breaks and tabs', 'Code\n=\t1\r\nAND Stock=2', 'Code = 1 AND Stock = 2'],
  ])('may have %s (K-06)', (_, text, printed) => {
    expect(printFilter(parseFilter(text, products))).toBe(printed);
  });

  test('binds AND tighter than OR, and NOT looser than a comparison', () => {
    const column = (name: string): object => ({ type: 'isTrue', operand: { type: 'column', name } });
    expect(parseFilter('a OR NOT b AND c').where).toEqual({
      type: 'or',
      nodes: [column('a'), { type: 'and', nodes: [{ type: 'not', node: column('b') }, column('c')] }],
    });
  });

  test('takes declared spellings, also where records may have other columns', () => {
    const types = { Stock: 'number' } as const;
    expect(printFilter(parseFilter('STOCK = color', { types }))).toBe('Stock = color');
  });
});

describe('a wrong filter text', () => {
  test.each([
    ['', 0, 'a column, a value or a parameter', undefined],
    ['Nmae = 1', 0, 'a column of the table', 'Name'],
    ['FIELD(Products,Stokc) = 1', 15, 'a column of the table', 'Stock'],
    ['FIELD(Visits,Name) = 1', 6, 'the table products', undefined],
    ['FIELD(Product,Name) = 1', 6, 'the table products', 'products'],
    ['FIELD(Products Name) = 1', 15, ',', undefined],
    ['Color = 1', 0, 'a column of the table', undefined],
    ['Name LKIE "x"', 5, 'an operator', 'LIKE'],
    ['Name NOT = 1', 9, 'LIKE, IN or BETWEEN', undefined],
    ['Name = ', 7, 'a column, a value or a parameter', undefined],
    ["Name = 'abc", 11, "the closing '", undefined],
    ['[Name = 1', 9, 'the closing ]', undefined],
    ['(Name = 1', 9, ')', undefined],
    ['Name = 1)', 8, 'AND, OR or the end', undefined],
    ['Name = 1 = 2', 9, 'AND, OR or the end', undefined],
    ['Stock = 1 ADN Code = 2', 10, 'AND, OR or the end', 'AND'],
    ['Stock BETWEEN 1 OR 2', 16, 'AND', undefined],
    ['Stock IS 5', 9, 'NULL', undefined],
    ['Stock = 12abc', 8, 'a number', undefined],
    ['Stock = 1.2.3', 8, 'a number', undefined],
    ['Stock = -Code', 9, 'a finite number', undefined],
    ['Stock = 1e999', 8, 'a finite number', undefined],
    ['Stock IN (1,', 12, 'a column, a value or a parameter', undefined],
    ["Name LIKE 'x' ESCAPE 'ab'", 21, 'a string of one character', undefined],
    ['Stock ; Code', 6, 'a column, a value or an operator', undefined],
    ['AND Stock', 0, 'a column, a value or a parameter', undefined],
  ])('%j names position %i and what was expected (K-09)', (text, position, expected, nearest) => {
    const error = failureOf(() => parseFilter(text, products));
    expect(error.details).toMatchObject({ position, expected, ...(nearest === undefined ? {} : { nearest }) });
    expect(error.details['nearest']).toBe(nearest);
    expect(error).toMatchObject({ code: 'filter', retryable: false, position });
  });

  test('is shown with a caret under the place', () => {
    const error = failureOf(() => parseFilter('Code = 1 AND\n  Stokc < 5', products));
    expect(error.details['caretLine']).toBe('  Stokc < 5\n  ^');
    expect(error.message).toBe(
      'The filter is wrong at position 15: expected a column of the table, found Stokc. Did you mean Stock?\n  Stokc < 5\n  ^',
    );
  });

  test('shows only the neighbourhood in a long line', () => {
    const error = failureOf(() => parseFilter(`${'Code = 1 OR '.repeat(1000)}Code = $`, products));
    const [line = '', caret = ''] = String(error.details['caretLine']).split('\n');
    expect(line.length).toBeLessThanOrEqual(100);
    expect(line[caret.length - 1]).toBe('$');
  });
});

describe('the limits of a filter', () => {
  test.each([
    ['10,000 parentheses', `${'('.repeat(10_000)}1${')'.repeat(10_000)}`],
    ['10,000 times NOT', `${'NOT '.repeat(10_000)}1`],
    ['10,000 parentheses around an operand', `a = ${'('.repeat(10_000)}1`],
    ['alternating AND and OR', `${'1 AND (0 OR '.repeat(5_000)}1${')'.repeat(5_000)}`],
    ['two levels of the tree for each of the text', `${'(1 OR 1 AND '.repeat(190)}1${')'.repeat(190)}`],
  ])('refuse %s', (_, text) => {
    expect(failureOf(() => parseFilter(text)).message).toContain('at most 200 levels of nesting');
  });

  test('allow 200 levels, and one level more is one too many', () => {
    const nested = (levels: number): string => `${'('.repeat(levels)}a = 1${')'.repeat(levels)}`;
    expect(printFilter(parseFilter(nested(200)))).toBe('a = 1');
    expect(failureOf(() => parseFilter(nested(201))).position).toBe(200);
  });

  test('refuse a megabyte of text', () => {
    const text = 'Stock = 1 OR '.repeat(80_000);
    expect(failureOf(() => parseFilter(text)).details).toMatchObject({ position: 65_536 });
  });

  test.each([
    ['digits', `${'1'.repeat(65_000)}x`],
    ['decimals', `1.${'1'.repeat(65_000)}x`],
    ['quotes', `'${"''".repeat(32_000)}`],
    ['spaces', `${' '.repeat(65_000)}#`],
  ])('bound the time that a text of %s takes', (_, text) => {
    // The pattern that reads tokens needed ten seconds for the first of these, until it could no longer backtrack.
    expect(failureOf(() => parseFilter(text)).code).toBe('filter');
  });

  test('allow lists of thousands', () => {
    const tree = parseFilter(`Code IN (${Array.from({ length: 9000 }, (_, code) => code).join(',')})`);
    expect(tree.where).toMatchObject({ type: 'in', list: { length: 9000 } });
  });
});

describe('an orderBy', () => {
  test.each([
    ['Name,-Stock', [false, true]],
    ['Name ASC, Stock DESC', [false, true]],
    ['name asc , FIELD(Products, STOCK) desc', [false, true]],
    ['-Name, [Stock]', [true, false]],
    ['-Name DESC, Stock', [false, false]],
  ])('%j names columns and directions (K-10)', (text, [name, stock]) => {
    expect(parseOrderBy(text, products)).toEqual([
      { column: 'Name', descending: name },
      { column: 'Stock', descending: stock },
    ]);
  });

  test('may be empty', () => {
    expect(parseOrderBy(' ')).toEqual([]);
  });

  test.each([
    ['Name,', 5, 'a column', undefined],
    ['Nmae', 0, 'a column of the table', 'Name'],
    ['Name DECS', 5, 'ASC, DESC, a comma or the end', 'DESC'],
    ['Name Stock', 5, 'ASC, DESC, a comma or the end', undefined],
    ['Name ASC DESC', 9, 'ASC, DESC, a comma or the end', 'DESC'],
    ['7', 0, 'a column', undefined],
  ])('refuses %j', (text, position, expected, nearest) => {
    const error = failureOf(() => parseOrderBy(text, products));
    expect(error.details).toMatchObject({ position, expected });
    expect(error.details['nearest']).toBe(nearest);
  });
});
