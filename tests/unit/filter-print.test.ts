import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  columnsOf,
  filterBuilder,
  isFilterTree,
  parametersOf,
  parseFilter,
  printFilter,
} from '../../sw/filter/index.ts';
import { filterTree, propertyOptions } from './filter-arbitraries.ts';

describe('a printed filter', () => {
  test('parses to the same tree (K-08)', () => {
    fc.assert(
      fc.property(filterTree, (tree) => {
        expect(parseFilter(printFilter(tree))).toEqual(tree);
      }),
      propertyOptions(3000),
    );
  });

  test('keeps column names that no bare word could be', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(fc.oneof(name, fc.constantFrom('and', 'NULL', 'field', 'like', '`', 'a b', '7')), (column) => {
        const tree = filterBuilder().field(column).eq(1);
        expect(parseFilter(printFilter(tree))).toEqual(tree);
      }),
      propertyOptions(500),
    );
  });

  test('survives JSON and passes the guard for what comes from outside', () => {
    fc.assert(
      fc.property(filterTree, (tree) => {
        const received: unknown = JSON.parse(JSON.stringify(tree));
        expect(isFilterTree(received)).toBe(true);
        expect(received).toEqual(tree);
      }),
      propertyOptions(500),
    );
  });

  test('has no parentheses that it does not need', () => {
    const text = "(((a = 1) AND ((b = 2 OR c IN (1, 2))))) OR NOT ((d LIKE 'x'))";
    expect(printFilter(parseFilter(text))).toBe("a = 1 AND (b = 2 OR c IN (1, 2)) OR d NOT LIKE 'x'");
  });

  test('names the columns and parameters that it reads', () => {
    const tree = parseFilter('a = :p AND (b BETWEEN c AND :q OR d IN (e, :p)) AND NOT f AND g LIKE :r AND h IS NULL');
    expect([...columnsOf(tree)]).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
    expect([...parametersOf(tree)]).toEqual(['p', 'q', 'r']);
  });
});

describe('the guard for filter trees', () => {
  const column = { type: 'column', name: 'a' };
  const condition = { type: 'isNull', operand: column };
  test.each([
    ['no object', 'Name = 1'],
    ['another version', { version: 2, where: condition }],
    ['an unknown condition', { version: 1, where: { type: 'matches', operand: column } }],
    ['an unknown operator', { version: 1, where: { type: 'compare', operator: '~', left: column, right: column } }],
    [
      'an operator that objects inherit',
      { version: 1, where: { type: 'compare', operator: 'toString', left: column, right: column } },
    ],
    ['an operand without a name', { version: 1, where: { type: 'isNull', operand: { type: 'column' } } }],
    [
      'a value that JSON cannot hold',
      { version: 1, where: { type: 'isNull', operand: { type: 'value', value: NaN } } },
    ],
    ['a combination of one', { version: 1, where: { type: 'and', nodes: [condition] } }],
    [
      'an escape of two characters',
      { version: 1, where: { type: 'like', operand: column, pattern: column, escape: 'ab' } },
    ],
  ])('refuses %s', (_, value) => {
    expect(isFilterTree(value)).toBe(false);
  });

  test('refuses nesting that would exhaust the stack', () => {
    let where: object = condition;
    for (let depth = 0; depth < 100_000; depth++) where = { type: 'not', node: where };
    expect(isFilterTree({ version: 1, where })).toBe(false);
  });
});
