import type { FilterTree } from '../protocol/filter-tree.ts';
import { type BoundColumn, type BoundNode, type CompileOptions, bindFilter } from './bind.ts';
import { compileNode, type Read } from './compile.ts';
import { likeMatcher } from './like.ts';
import { type ComparisonTruths, FALSE, NULL, toTruth, TRUE } from './truth.ts';
import { columnValue, compareText } from './values.ts';

/** A column of numbers, dates (milliseconds) or booleans (0 and 1). A NaN counts as NULL. */
export interface NumberVector {
  readonly type: 'number';
  readonly values: Float64Array;
  /** One byte a row, not 0 where the row is NULL; null if no row is. */
  readonly nulls: Uint8Array | null;
}

/** A column of texts: all of them joined, and where in that each row's text ends. */
export interface StringVector {
  readonly type: 'string';
  readonly text: string;
  readonly ends: Uint32Array;
  readonly nulls: Uint8Array | null;
}

export type ColumnVector = NumberVector | StringVector;
/** Vectors by the declared names of their columns. */
export type ColumnVectors = Readonly<Record<string, ColumnVector>>;

/**
 * Makes a filter over column vectors that agrees with {@link compileFilter} over the records, given that the vectors
 * hold what `columnValue` makes of each field. The result has a 1 for each row that matches, else 0.
 *
 * Throws `FilterError` as `compileFilter` does, and the result a `TypeError` for a column whose vector is missing: look
 * at `columnsOf` first.
 */
export function compileVectorFilter(
  tree: FilterTree,
  options: CompileOptions = {},
): (vectors: ColumnVectors, count: number) => Uint8Array {
  const truths = compileVectorNode(bindFilter(tree, options).where);
  return (vectors, count) => {
    const mask = truths(vectors, count);
    // TRUE is 2, NULL 1, FALSE 0.
    for (let row = 0; row < count; row++) mask[row] = (mask[row] ?? 0) >> 1;
    return mask;
  };
}

/** Gives the truth of each row in an array of the caller's own. */
type VectorTruths = (vectors: ColumnVectors, count: number) => Uint8Array;

function compileVectorNode(node: BoundNode): VectorTruths {
  switch (node.type) {
    case 'and':
    case 'or': {
      const isAnd = node.type === 'and';
      const children = node.nodes.map(compileVectorNode);
      return (vectors, count) => {
        const result = new Uint8Array(count).fill(isAnd ? TRUE : FALSE);
        for (const child of children) {
          const truths = child(vectors, count);
          for (let row = 0; row < count; row++) {
            const truth = truths[row] ?? 0;
            if (truth < (result[row] ?? 0) === isAnd) result[row] = truth;
          }
        }
        return result;
      };
    }
    case 'not': {
      const child = compileVectorNode(node.node);
      return (vectors, count) => child(vectors, count).map((truth) => TRUE - truth);
    }
    case 'literal':
      return (_, count) => new Uint8Array(count).fill(toTruth(node.value));
    default:
      return compileFast(node) ?? ((vectors, count) => evaluateRows(node, vectors, count));
  }
}

/** Loops of their own for what most filters are: a column compared with, or LIKE, a constant. */
function compileFast(node: BoundNode): VectorTruths | undefined {
  if (node.type === 'compare') {
    const { left, right, truths } = node;
    if (!('column' in left && 'constant' in right) || left.as !== undefined) return undefined;
    const { constant } = right;
    return (vectors, count) => {
      const vector = vectorOf(vectors, left.column);
      if (vector.type === 'number' && typeof constant === 'number') {
        return compareNumbers(vector, constant, truths, new Uint8Array(count));
      }
      if (vector.type === 'string' && typeof constant === 'string') {
        const [less, equal, greater] = truths;
        return mapTexts(vector, count, (text, start, end) => {
          const order = compareText(text, start, end, constant);
          return order < 0 ? less : order > 0 ? greater : equal;
        });
      }
      return evaluateRows(node, vectors, count);
    };
  }
  if (node.type !== 'like') return undefined;
  const { operand, pattern, escape } = node;
  if (!('column' in operand && 'constant' in pattern) || typeof pattern.constant !== 'string') return undefined;
  const matches = likeMatcher(pattern.constant, escape);
  return (vectors, count) => {
    const vector = vectorOf(vectors, operand.column);
    if (vector.type === 'number') return evaluateRows(node, vectors, count);
    return mapTexts(vector, count, (text, start, end) => (matches(text, start, end) ? TRUE : FALSE));
  };
}

function compareNumbers(
  { values, nulls }: NumberVector,
  constant: number,
  [less, equal, greater]: ComparisonTruths,
  result: Uint8Array,
): Uint8Array {
  for (let row = 0; row < result.length; row++) {
    const value = values[row] ?? NaN;
    result[row] = value < constant ? less : value > constant ? greater : value === constant ? equal : NULL;
  }
  return markNulls(nulls, result);
}

function mapTexts(
  { text, ends, nulls }: StringVector,
  count: number,
  truth: (text: string, start: number, end: number) => number,
): Uint8Array {
  const result = new Uint8Array(count);
  let start = 0;
  for (let row = 0; row < count; row++) {
    const end = ends[row] ?? start;
    result[row] = truth(text, start, end);
    start = end;
  }
  return markNulls(nulls, result);
}

function markNulls(nulls: Uint8Array | null, result: Uint8Array): Uint8Array {
  if (nulls) for (let row = 0; row < result.length; row++) if (nulls[row]) result[row] = NULL;
  return result;
}

function evaluateRows(node: BoundNode, vectors: ColumnVectors, count: number): Uint8Array {
  const truth = compileNode<number>(node, (column) => readVector(column, vectors));
  const result = new Uint8Array(count);
  for (let row = 0; row < count; row++) result[row] = truth(row);
  return result;
}

function readVector({ column, type }: BoundColumn, vectors: ColumnVectors): Read<number> {
  const vector = vectorOf(vectors, column);
  const { nulls } = vector;
  if (vector.type === 'number') {
    const { values } = vector;
    return (row) => (nulls?.[row] ? null : columnValue(values[row], type));
  }
  const { text, ends } = vector;
  return (row) => (nulls?.[row] ? null : columnValue(text.slice(row > 0 ? ends[row - 1] : 0, ends[row]), type));
}

function vectorOf(vectors: ColumnVectors, column: string): ColumnVector {
  const vector = Object.hasOwn(vectors, column) ? vectors[column] : undefined;
  if (!vector) throw new TypeError(`The filter needs the column "${column}", which has no vector.`);
  return vector;
}
