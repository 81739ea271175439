import type { FilterTree } from '../protocol/filter-tree.ts';
import { type BoundNode, type BoundOperand, type CompileOptions, bindFilter } from './bind.ts';
import { FALSE, NULL, toTruth, TRUE } from './truth.ts';
import { compareNonNull } from './values.ts';

/** What is known of one column of a leaf: its least and greatest value (null if all are NULL), in SQLite's order. */
export interface ColumnBounds {
  readonly min: string | number | null;
  readonly max: string | number | null;
  readonly hasNull: boolean;
}

/** Bounds by the declared names of their columns; of columns that are not here, nothing is known. */
export type LeafBounds = Readonly<Record<string, ColumnBounds>>;

/**
 * The least and the greatest truth that a condition may have for some row. AND, OR and NOT never turn the order of
 * truths against that of their conditions, so the ends of their ranges come from the ends of the conditions' ranges.
 */
type TruthRange = readonly [least: number, greatest: number];
const UNKNOWN: TruthRange = [FALSE, TRUE];

/**
 * Whether a leaf with these bounds can hold a matching row. True where that is not known; false only if no row matches.
 * For many leaves, make the test once with {@link compileBounds}.
 */
export function mayMatch(tree: FilterTree, bounds: LeafBounds, options: CompileOptions = {}): boolean {
  return compileBounds(tree, options)(bounds);
}

/** Makes a test of which leaves a filter has to look into. Throws `FilterError` as `compileFilter` does. */
export function compileBounds(tree: FilterTree, options: CompileOptions = {}): (bounds: LeafBounds) => boolean {
  const range = compileRange(bindFilter(tree, options).where);
  return (bounds) => range(bounds)[1] === TRUE;
}

function compileRange(node: BoundNode): (bounds: LeafBounds) => TruthRange {
  switch (node.type) {
    case 'and':
    case 'or': {
      const pick = node.type === 'and' ? Math.min : Math.max;
      const children = node.nodes.map(compileRange);
      return (bounds) => {
        const ranges = children.map((child) => child(bounds));
        return [pick(...ranges.map(([least]) => least)), pick(...ranges.map(([, greatest]) => greatest))];
      };
    }
    case 'not': {
      const child = compileRange(node.node);
      return (bounds) => {
        const [least, greatest] = child(bounds);
        return [TRUE - greatest, TRUE - least];
      };
    }
    case 'literal':
      return () => rangeOf([toTruth(node.value)]);
    case 'compare': {
      const { left, right } = node;
      const [less, equal, greater] = node.truths;
      if (!('constant' in right)) return () => UNKNOWN;
      const { constant } = right;
      if (constant === null) return () => [NULL, NULL];
      return withBounds(left, (min, max) => {
        const [low, high] = [compareNonNull(min, constant), compareNonNull(max, constant)];
        return [...(low < 0 ? [less] : []), ...(low <= 0 && high >= 0 ? [equal] : []), ...(high > 0 ? [greater] : [])];
      });
    }
    case 'in': {
      const sorted = [...node.values].sort(compareNonNull);
      const otherwise = node.hasNull ? NULL : FALSE;
      return withBounds(node.operand, (min, max) => {
        const candidate = firstFrom(sorted, min);
        return candidate === undefined || compareNonNull(candidate, max) > 0 ? [otherwise] : UNKNOWN;
      });
    }
    case 'isNull':
      return (bounds) => {
        const column = boundsOf(node.operand, bounds);
        return column ? rangeOf([...(column.hasNull ? [TRUE] : []), ...(column.min === null ? [] : [FALSE])]) : UNKNOWN;
      };
    case 'like':
    case 'isTrue':
      return withBounds(node.operand, () => UNKNOWN);
  }
}

function rangeOf(truths: readonly number[]): TruthRange {
  return [Math.min(...truths), Math.max(...truths)];
}

/** The first of the sorted values that is not less than `min`. */
function firstFrom(sorted: readonly (string | number)[], min: string | number): string | number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNonNull(sorted[middle] ?? min, min) < 0) low = middle + 1;
    else high = middle;
  }
  return sorted[low];
}

function withBounds(
  operand: BoundOperand,
  truthsOf: (min: string | number, max: string | number) => readonly number[],
): (bounds: LeafBounds) => TruthRange {
  return (bounds) => {
    const column = boundsOf(operand, bounds);
    if (!column) return UNKNOWN;
    const { min, max, hasNull } = column;
    return rangeOf([...(min === null || max === null ? [] : truthsOf(min, max)), ...(hasNull ? [NULL] : [])]);
  };
}

/** None for a column that is read as another type: its values then stand in another order. */
function boundsOf(operand: BoundOperand, bounds: LeafBounds): ColumnBounds | undefined {
  if ('constant' in operand || operand.as !== undefined || !Object.hasOwn(bounds, operand.column)) return undefined;
  return bounds[operand.column];
}
