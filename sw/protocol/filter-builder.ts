import { FilterError } from './errors.ts';
import {
  type FilterNode,
  type FilterOperand,
  type FilterOperator,
  type FilterTree,
  isFilterTree,
  isOneCharacter,
} from './filter-tree.ts';

export interface FilterParameterReference {
  readonly param: string;
}

/** What a column of that type may be compared with; a date column also takes a `Date`. */
export type Comparable<Value> = Value | FilterParameterReference | (Value extends string ? Date : never);

export interface FieldBuilder<Value> {
  readonly eq: (value: Comparable<Value>) => FilterTree;
  readonly ne: (value: Comparable<Value>) => FilterTree;
  readonly lt: (value: Comparable<Value>) => FilterTree;
  readonly le: (value: Comparable<Value>) => FilterTree;
  readonly gt: (value: Comparable<Value>) => FilterTree;
  readonly ge: (value: Comparable<Value>) => FilterTree;
  readonly like: (pattern: string | FilterParameterReference, escape?: string) => FilterTree;
  readonly notLike: (pattern: string | FilterParameterReference, escape?: string) => FilterTree;
  readonly in: (values: readonly Comparable<Value>[]) => FilterTree;
  readonly notIn: (values: readonly Comparable<Value>[]) => FilterTree;
  readonly between: (low: Comparable<Value>, high: Comparable<Value>) => FilterTree;
  readonly isNull: () => FilterTree;
  readonly isNotNull: () => FilterTree;
}

export interface FilterBuilder<TableRecord> {
  readonly field: <Name extends keyof TableRecord & string>(name: Name) => FieldBuilder<NonNullable<TableRecord[Name]>>;
  /** A parameter, whose value is given when the filter is used. */
  readonly param: (name: string) => FilterParameterReference;
  readonly and: (...filters: readonly FilterTree[]) => FilterTree;
  readonly or: (...filters: readonly FilterTree[]) => FilterTree;
  readonly not: (filter: FilterTree) => FilterTree;
}

/**
 * Builds filters whose columns and values are checked by the compiler.
 *
 * @example
 * const { field, and } = filterBuilder<{ Name: string; Stock: number }>();
 * const filter = and(field('Name').like('%Cola'), field('Stock').lt(5));
 */
export function filterBuilder<
  TableRecord = Readonly<Record<string, string | number | boolean | null>>,
>(): FilterBuilder<TableRecord> {
  return {
    field: buildField,
    param: (param) => ({ param }),
    and: (...filters) => combine('and', filters),
    or: (...filters) => combine('or', filters),
    not,
  };
}

function buildField<Value>(name: string): FieldBuilder<Value> {
  const operand: FilterOperand = { type: 'column', name };
  const compare =
    (operator: FilterOperator) =>
    (value: unknown): FilterTree =>
      wrap({ type: 'compare', operator, left: operand, right: toOperand(value) });
  const like = (pattern: unknown, escape?: string): FilterTree => {
    if (escape !== undefined && !isOneCharacter(escape)) throw failure('an escape of one character', escape);
    const node = { type: 'like' as const, operand, pattern: toOperand(pattern) };
    return wrap(escape === undefined ? node : { ...node, escape });
  };
  const within = (values: readonly unknown[]): FilterTree => wrap({ type: 'in', operand, list: values.map(toOperand) });
  const isNull = (): FilterTree => wrap({ type: 'isNull', operand });
  return {
    eq: compare('='),
    ne: compare('<>'),
    lt: compare('<'),
    le: compare('<='),
    gt: compare('>'),
    ge: compare('>='),
    like,
    notLike: (pattern, escape) => not(like(pattern, escape)),
    in: within,
    notIn: (values) => not(within(values)),
    between: (low, high) => wrap({ type: 'between', operand, low: toOperand(low), high: toOperand(high) }),
    isNull,
    isNotNull: () => not(isNull()),
  };
}

function toOperand(value: unknown): FilterOperand {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return { type: 'value', value };
  // -0 is a value that JSON cannot hold.
  if (typeof value === 'number' && Number.isFinite(value)) return { type: 'value', value: value + 0 };
  if (value instanceof Date && !Number.isNaN(value.getTime())) return { type: 'value', value: value.toISOString() };
  if (typeof value === 'object' && 'param' in value && typeof value.param === 'string') {
    return { type: 'parameter', name: value.param };
  }
  throw failure('a string, number, boolean, date, null or param()', typeof value);
}

function failure(expected: string, found: string): FilterError {
  return new FilterError(`The filter is wrong: expected ${expected}, found ${found}.`, {
    position: 0,
    expected,
    caretLine: '',
  });
}

function combine(type: 'and' | 'or', filters: readonly FilterTree[]): FilterTree {
  const [first] = filters;
  if (first === undefined) return wrap({ type: 'literal', value: type === 'and' });
  return filters.length === 1 ? first : wrap({ type, nodes: filters.map((filter) => filter.where) });
}

function not(filter: FilterTree): FilterTree {
  return wrap({ type: 'not', node: filter.where });
}

function wrap(where: FilterNode): FilterTree {
  const tree: FilterTree = { version: 1, where };
  if (!isFilterTree(tree)) throw failure('a filter less large and deep', 'this one');
  return tree;
}
