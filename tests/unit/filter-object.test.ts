import { describe, expect, expectTypeOf, test } from 'vitest';
import { filterBuilder, filterFromObject, parseFilter, printFilter, toFilterTree } from '../../sw/filter/index.ts';
import { FilterError } from '../../sw/protocol/errors.ts';

interface Product {
  readonly Code: number;
  readonly Name: string;
  readonly Stock: number | null;
  readonly Since: string;
}

const { field, and, or, not, param } = filterBuilder<Product>();

describe('text, object and builder', () => {
  test.each([
    ["Name LIKE '%Cola'", { Name: { like: '%Cola' } }, field('Name').like('%Cola')],
    ['Stock = 7', { Stock: 7 }, field('Stock').eq(7)],
    ['Stock < :n', { Stock: { lt: { param: 'n' } } }, field('Stock').lt(param('n'))],
    ['Stock IS NULL', { Stock: null }, field('Stock').isNull()],
    ['Stock IS NOT NULL', { Stock: { isNull: false } }, field('Stock').isNotNull()],
    ['Stock >= 1 AND Stock <= 9', { Stock: { ge: 1, le: 9 } }, and(field('Stock').ge(1), field('Stock').le(9))],
    ['Stock BETWEEN 1 AND 9', { Stock: { between: [1, 9] } }, field('Stock').between(1, 9)],
    ['Code NOT IN (1, 2)', { Code: { notIn: [1, 2] } }, field('Code').notIn([1, 2])],
    [
      'Code IN (1) AND Stock <> 2',
      { Code: { in: [1] }, Stock: { ne: 2 } },
      and(field('Code').in([1]), field('Stock').ne(2)),
    ],
    ["Name NOT LIKE '5!%' ESCAPE '!'", { Name: { notLike: '5!%', escape: '!' } }, field('Name').notLike('5!%', '!')],
    [
      'Code = 1 OR NOT (Code = 2 AND Stock > 3)',
      { or: [{ Code: 1 }, { not: { Code: 2, Stock: { gt: 3 } } }] },
      or(field('Code').eq(1), not(and(field('Code').eq(2), field('Stock').gt(3)))),
    ],
    [
      "Since > '2024-05-01T00:00:00.000Z'",
      { Since: { gt: new Date('2024-05-01') } },
      field('Since').gt(new Date('2024-05-01')),
    ],
    ['TRUE', {}, and()],
    ['FALSE', { or: [] }, or()],
  ])('make the same tree: %s (K-08)', (text, object, built) => {
    const tree = parseFilter(text);
    expect(filterFromObject(object)).toEqual(tree);
    expect(built).toEqual(tree);
    expect([text, object, built].map((filter) => toFilterTree(filter))).toEqual([tree, tree, tree]);
  });

  test('take the declared spelling of names', () => {
    expect(printFilter(filterFromObject({ NAME: 1 }, { known: new Set(['Name']) }))).toBe('Name = 1');
  });

  test('are checked by the compiler where they can be', () => {
    expectTypeOf(field).parameter(0).toEqualTypeOf<'Code' | 'Name' | 'Stock' | 'Since'>();
    expectTypeOf(field('Stock').eq).parameter(0).toEqualTypeOf<number | { readonly param: string }>();
  });
});

describe('a wrong filter object', () => {
  test.each([
    [{ Nmae: 1 }, 'Nmae', 'a column of the table', 'Name'],
    [{ Name: { lkie: 'x' } }, 'Name.lkie', 'one of eq', 'like'],
    [{ Name: {} }, 'Name', 'one of eq', undefined],
    [{ Name: { toString: 1 } }, 'Name.toString', 'one of eq', undefined],
    [{ Name: undefined }, 'Name', 'a string, number', undefined],
    [{ Name: [1] }, 'Name', 'a string, number', undefined],
    [{ Name: { lt: NaN } }, 'Name.lt', 'a string, number', undefined],
    [{ Name: { in: 1 } }, 'Name.in', 'a list', undefined],
    [{ Name: { in: [1, {}] } }, 'Name.in.1', 'a string, number', undefined],
    [{ Name: { between: [1] } }, 'Name.between.1', 'a string, number', undefined],
    [{ Name: { isNull: 1 } }, 'Name.isNull', 'true or false', undefined],
    [{ Name: { like: 'x', escape: 'ab' } }, 'Name.like', 'an escape of one character', undefined],
    [{ or: { Name: 1 } }, 'or', 'a list', undefined],
    [{ and: [1] }, 'and.0', 'an object of conditions', undefined],
    [{ version: 2, where: {} }, 'version', 'a filter tree of version 1', undefined],
  ])('%j names the path to the wrong part (K-09)', (object, path, expected, nearest) => {
    let thrown: unknown;
    try {
      toFilterTree(object, { known: new Set(['Name']) });
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof FilterError)) throw new Error('no FilterError was thrown');
    expect(String(thrown.details['caretLine']).split('\n')[0]).toBe(path);
    expect(thrown.details['expected']).toContain(expected);
    expect(thrown.details['nearest']).toBe(nearest);
  });

  test('may not be nested without end', () => {
    const circular: Record<string, unknown> = {};
    circular['not'] = circular;
    expect(() => filterFromObject(circular)).toThrow(FilterError);
  });
});
