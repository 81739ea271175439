import type { FilterTree } from '../protocol/filter-tree.ts';
import { type BoundNode, type BoundOperand, type CompileOptions, bindFilter } from './bind.ts';
import { type ComparisonTruths, FALSE, NULL, toTruth, TRUE, TRUTHS } from './compile.ts';
import { compareNonNull } from './values.ts';

/** What is known of one column of a leaf: its least and greatest value (null if all are NULL), in SQLite's order. */
export interface ColumnBounds {
  readonly min: string | number | null;
  readonly max: string | number | null;
  readonly hasNull: boolean;
}

/** Bounds by the declared names of their columns; of columns that are not here, nothing is known. */
export type LeafBounds = Readonly<Record<string, ColumnBounds>>;

/** Which of the three truth values a condition may take for some row: bit 0 FALSE, bit 1 NULL, bit 2 TRUE. */
type Possible = number;
const ANYTHING: Possible = 0b111;

/**
 * Whether a leaf with these bounds can hold a matching row. True where that is not known; false only if no row matches.
 * For many leaves, make the test once with {@link compileBounds}.
 */
export function mayMatch(tree: FilterTree, bounds: LeafBounds, options: CompileOptions = {}): boolean {
  return compileBounds(tree, options)(bounds);
}

/** Makes a test of which leaves a filter has to look into. Throws `FilterError` as `compileFilter` does. */
export function compileBounds(tree: FilterTree, options: CompileOptions = {}): (bounds: LeafBounds) => boolean {
  const possible = compilePossible(bindFilter(tree, options).where);
  return (bounds) => (possible(bounds) & (1 << TRUE)) !== 0;
}

function compilePossible(node: BoundNode): (bounds: LeafBounds) => Possible {
  switch (node.type) {
    case 'and':
    case 'or': {
      const pick = node.type === 'and' ? Math.min : Math.max;
      const children = node.nodes.map(compilePossible);
      return (bounds) => children.map((child) => child(bounds)).reduce((a, b) => combinations(a, b, pick));
    }
    case 'not': {
      const child = compilePossible(node.node);
      return (bounds) => {
        const possible = child(bounds);
        return ((possible & 1) << TRUE) | (possible & 2) | (possible >> TRUE);
      };
    }
    case 'literal': {
      const possible = 1 << toTruth(node.value);
      return () => possible;
    }
    case 'compare': {
      const { left, right } = node;
      if (!('constant' in right)) return () => ANYTHING;
      const { constant } = right;
      const truths = TRUTHS[node.operator];
      return constant === null
        ? () => 1 << NULL
        : withBounds(left, (min, max) =>
            comparisons(compareNonNull(min, constant), compareNonNull(max, constant), truths),
          );
    }
    case 'in': {
      const sorted = [...node.values].sort(compareNonNull);
      const otherwise = 1 << (node.hasNull ? NULL : FALSE);
      return withBounds(node.operand, (min, max) => {
        const candidate = sorted.find((value) => compareNonNull(value, min) >= 0);
        return candidate === undefined || compareNonNull(candidate, max) > 0 ? otherwise : otherwise | (1 << TRUE);
      });
    }
    case 'isNull':
      return (bounds) => {
        const column = boundsOf(node.operand, bounds);
        if (!column) return ANYTHING;
        return (column.hasNull ? 1 << TRUE : 0) | (column.min === null ? 0 : 1 << FALSE);
      };
    case 'like':
    case 'isTrue':
      return withBounds(node.operand, () => (1 << FALSE) | (1 << NULL) | (1 << TRUE));
  }
}

function combinations(a: Possible, b: Possible, pick: (x: number, y: number) => number): Possible {
  let result = 0;
  for (let x = FALSE; x <= TRUE; x++) {
    for (let y = FALSE; y <= TRUE; y++) if ((a >> x) & (b >> y) & 1) result |= 1 << pick(x, y);
  }
  return result;
}

/** The truths between a minimum and a maximum that compare with the constant as `low` and `high`. */
function comparisons(low: number, high: number, [less, equal, greater]: ComparisonTruths): Possible {
  return (low < 0 ? 1 << less : 0) | (low <= 0 && high >= 0 ? 1 << equal : 0) | (high > 0 ? 1 << greater : 0);
}

function withBounds(
  operand: BoundOperand,
  ofValues: (min: string | number, max: string | number) => Possible,
): (bounds: LeafBounds) => Possible {
  return (bounds) => {
    const column = boundsOf(operand, bounds);
    if (!column) return ANYTHING;
    const { min, max, hasNull } = column;
    return (min === null || max === null ? 0 : ofValues(min, max)) | (hasNull ? 1 << NULL : 0);
  };
}

/** None for a column that is read as another type: its values then stand in another order. */
function boundsOf(operand: BoundOperand, bounds: LeafBounds): ColumnBounds | undefined {
  if ('constant' in operand || operand.as !== undefined || !Object.hasOwn(bounds, operand.column)) return undefined;
  return bounds[operand.column];
}
