import type { FilterNode, FilterTree } from '../protocol/filter-tree.ts';
import { type FilterObjectTests, fromColumn } from './from-object.ts';
import { combine, not } from './nodes.ts';

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
    and: (...filters) => wrap(combine('and', filters.map(unwrap))),
    or: (...filters) => wrap(combine('or', filters.map(unwrap))),
    not: (filter) => wrap(not(unwrap(filter))),
  };
}

function buildField<Value>(name: string): FieldBuilder<Value> {
  const build = (test: keyof FilterObjectTests, value: unknown, escape?: string): FilterTree =>
    wrap(fromColumn(name, { [test]: value, ...(escape === undefined ? {} : { escape }) }));
  return {
    eq: (value) => build('eq', value),
    ne: (value) => build('ne', value),
    lt: (value) => build('lt', value),
    le: (value) => build('le', value),
    gt: (value) => build('gt', value),
    ge: (value) => build('ge', value),
    like: (pattern, escape) => build('like', pattern, escape),
    notLike: (pattern, escape) => build('notLike', pattern, escape),
    in: (values) => build('in', values),
    notIn: (values) => build('notIn', values),
    between: (low, high) => build('between', [low, high]),
    isNull: () => build('isNull', true),
    isNotNull: () => build('isNull', false),
  };
}

function wrap(where: FilterNode): FilterTree {
  return { version: 1, where };
}

function unwrap(tree: FilterTree): FilterNode {
  return tree.where;
}
