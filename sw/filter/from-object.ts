import {
  type FilterNode,
  type FilterOperand,
  type FilterOperator,
  type FilterTree,
  type FilterValue,
  isFilterTree,
  isOneCharacter,
} from '../protocol/filter-tree.ts';
import { filterFailure } from './failure.ts';
import { resolveName } from './names.ts';
import { nearest } from './nearest.ts';
import { combine, not } from './nodes.ts';
import type { ParseOptions } from './cursor.ts';
import { parseFilter } from './parse.ts';

export type FilterObjectValue = FilterValue | Date | { readonly param: string };

interface FilterObjectTests {
  readonly eq?: FilterObjectValue;
  readonly ne?: FilterObjectValue;
  readonly lt?: FilterObjectValue;
  readonly le?: FilterObjectValue;
  readonly gt?: FilterObjectValue;
  readonly ge?: FilterObjectValue;
  readonly like?: FilterObjectValue;
  readonly notLike?: FilterObjectValue;
  readonly in?: readonly FilterObjectValue[];
  readonly notIn?: readonly FilterObjectValue[];
  readonly between?: readonly [low: FilterObjectValue, high: FilterObjectValue];
  readonly isNull?: boolean;
  /** The escape character of `like` and `notLike`. */
  readonly escape?: string;
}

/**
 * A filter as an object: `{ Name: { like: '%Cola' }, Stock: 7 }`. All entries must hold. A value alone stands for `eq`,
 * and null alone for IS NULL. `and`, `or` and `not` combine; a column of such a name needs the text form.
 */
export interface FilterObject {
  readonly and?: readonly FilterObject[];
  readonly or?: readonly FilterObject[];
  readonly not?: FilterObject;
  readonly [column: string]: FilterObjectValue | FilterObjectTests | FilterObject | readonly FilterObject[] | undefined;
}

const COMPARISONS: Readonly<Record<string, FilterOperator>> = {
  eq: '=',
  ne: '<>',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};
const TESTS = [...Object.keys(COMPARISONS), 'like', 'notLike', 'in', 'notIn', 'between', 'isNull', 'escape'];

/** Makes a tree of a filter object. Throws `FilterError` (`filter`) whose caret line is the path to the wrong part. */
export function filterFromObject(filter: object, options: ParseOptions = {}): FilterTree {
  const tree: FilterTree = { version: 1, where: fromEntries(filter, '', options, 0) };
  if (!isFilterTree(tree)) throw failureAt('', 'a smaller filter');
  return tree;
}

/** Makes the one tree of a filter in any form: text, object, or a tree (also one that came from outside). */
export function toFilterTree(filter: string | object, options: ParseOptions = {}): FilterTree {
  if (typeof filter === 'string') return parseFilter(filter, options);
  if (isFilterTree(filter)) return filter;
  if ('version' in filter && 'where' in filter) throw failureAt('version', 'a filter tree of version 1');
  return filterFromObject(filter, options);
}

function fromEntries(filter: unknown, path: string, options: ParseOptions, depth: number): FilterNode {
  if (!isPlainObject(filter) || depth > 200) throw failureAt(path, 'an object of conditions');
  const nodes = Object.entries(filter).map(([key, value]) => {
    const inner = path === '' ? key : `${path}.${key}`;
    if (key === 'not') return not(fromEntries(value, inner, options, depth + 1));
    if (key !== 'and' && key !== 'or') return fromColumn(key, value, options, inner);
    const children = toList(value, inner).map((child, index) =>
      fromEntries(child, `${inner}.${index}`, options, depth + 1),
    );
    return combine(key, children);
  });
  return combine('and', nodes);
}

/** The condition that an entry of a filter object puts on one column. */
function fromColumn(key: string, value: unknown, options: ParseOptions = {}, path: string = key): FilterNode {
  const name = resolveName(key, options, (expected, meant) => failureAt(path, expected, meant));
  const operand: FilterOperand = { type: 'column', name };
  if (value === null) return { type: 'isNull', operand };
  if (!isPlainObject(value) || 'param' in value) {
    return { type: 'compare', operator: '=', left: operand, right: toOperand(value, path) };
  }
  const { escape, ...tests } = value;
  const nodes = Object.entries(tests).map(([test, wanted]) =>
    fromTest(test, wanted, operand, `${path}.${test}`, escape),
  );
  if (nodes.length === 0) throw failureAt(path, `one of ${TESTS.join(', ')}`);
  return combine('and', nodes);
}

function fromTest(test: string, wanted: unknown, operand: FilterOperand, path: string, escape: unknown): FilterNode {
  const operator = Object.hasOwn(COMPARISONS, test) ? COMPARISONS[test] : undefined;
  if (operator) return { type: 'compare', operator, left: operand, right: toOperand(wanted, path) };
  switch (test) {
    case 'like': {
      const node: FilterNode = { type: 'like', operand, pattern: toOperand(wanted, path) };
      if (escape === undefined) return node;
      if (typeof escape !== 'string' || !isOneCharacter(escape)) throw failureAt(path, 'an escape of one character');
      return { ...node, escape };
    }
    case 'in':
      return {
        type: 'in',
        operand,
        list: toList(wanted, path).map((item, index) => toOperand(item, `${path}.${index}`)),
      };
    case 'between': {
      const [low, high, ...more] = toList(wanted, path);
      if (more.length > 0) throw failureAt(path, 'two values');
      return { type: 'between', operand, low: toOperand(low, `${path}.0`), high: toOperand(high, `${path}.1`) };
    }
    case 'isNull':
      if (typeof wanted !== 'boolean') throw failureAt(path, 'true or false');
      return wanted ? { type: 'isNull', operand } : not({ type: 'isNull', operand });
    case 'notLike':
      return not(fromTest('like', wanted, operand, path, escape));
    case 'notIn':
      return not(fromTest('in', wanted, operand, path, escape));
    default:
      throw failureAt(path, `one of ${TESTS.join(', ')}`, nearest(test, TESTS));
  }
}

function toOperand(value: unknown, path: string): FilterOperand {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return { type: 'value', value };
  if (typeof value === 'number' && Number.isFinite(value)) return { type: 'value', value: value + 0 };
  if (value instanceof Date && !Number.isNaN(value.getTime())) return { type: 'value', value: value.toISOString() };
  if (isPlainObject(value) && typeof value['param'] === 'string') return { type: 'parameter', name: value['param'] };
  throw failureAt(path, 'a string, number, boolean, date, null or { param }');
}

function toList(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw failureAt(path, 'a list');
  return value;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function failureAt(path: string, expected: string, meant?: string): Error {
  return filterFailure(path, path.lastIndexOf('.') + 1, expected, meant);
}
