import type { FilterTree } from '../protocol/filter-tree.ts';
import { type BoundColumn, type BoundNode, type BoundOperand, type CompileOptions, bindFilter } from './bind.ts';
import { likeMatcher } from './like.ts';
import { truthOf } from './nodes.ts';
import { FALSE, NULL, toTruth, TRUE } from './truth.ts';
import { type ComparedValue, columnValue, compareNonNull, likeText } from './values.ts';

export interface CompiledFilter {
  /** Whether the record matches: only if the filter is true of it, not if it is false or NULL. */
  readonly test: (record: Readonly<Record<string, unknown>>) => boolean;
  /** What is probably a mistake in the filter: a parameter that it does not use, a comparison that cannot be true. */
  readonly warnings: readonly string[];
}

/**
 * Makes a predicate of a filter. Values compare by their column's declared type, and by their own where none is
 * declared; a field that a record lacks is NULL. No code is generated.
 *
 * Throws `FilterError` (`filter`) for a parameter without a value and for a column that is not `known`.
 */
export function compileFilter(tree: FilterTree, options: CompileOptions = {}): CompiledFilter {
  const { where, warnings } = bindFilter(tree, options);
  const truth = compileNode(where, readField);
  return { test: (record) => truth(record) === TRUE, warnings };
}

export type Read<Row> = (row: Row) => ComparedValue;
export type Truth<Row> = (row: Row) => number;

/** The truth of a bound condition over rows of any kind; `readColumn` says how to get at a column's declared value. */
export function compileNode<Row>(node: BoundNode, readColumn: (column: BoundColumn) => Read<Row>): Truth<Row> {
  const compile = (child: BoundNode): Truth<Row> => compileNode(child, readColumn);

  function read(operand: BoundOperand): Read<Row> {
    if ('constant' in operand) return () => operand.constant;
    const { as } = operand;
    const own = readColumn(operand);
    return as === undefined ? own : (row) => columnValue(own(row), as);
  }

  switch (node.type) {
    case 'compare': {
      const [left, right, [less, equal, greater]] = [read(node.left), read(node.right), node.truths];
      return (row) => {
        const a = left(row);
        if (a === null) return NULL;
        const b = right(row);
        if (b === null) return NULL;
        const order = compareNonNull(a, b);
        return order < 0 ? less : order > 0 ? greater : equal;
      };
    }
    case 'like':
      return compileLike(readText(node.operand, read), readText(node.pattern, read), node.escape);
    case 'in': {
      const { values } = node;
      const [operand, otherwise] = [read(node.operand), node.hasNull ? NULL : FALSE];
      return (row) => {
        const value = operand(row);
        return value === null ? NULL : values.has(value) ? TRUE : otherwise;
      };
    }
    case 'isNull': {
      const operand = read(node.operand);
      return (row) => (operand(row) === null ? TRUE : FALSE);
    }
    case 'isTrue': {
      const operand = read(node.operand);
      return (row) => toTruth(truthOf(operand(row)));
    }
    case 'and':
      return compileAll(node.nodes.map(compile), FALSE);
    case 'or':
      return compileAll(node.nodes.map(compile), TRUE);
    case 'not': {
      const child = compile(node.node);
      return (row) => TRUE - child(row);
    }
    case 'literal': {
      const truth = toTruth(node.value);
      return () => truth;
    }
  }
}

/** AND ends at the first FALSE, OR at the first TRUE; else one NULL makes the whole NULL. */
function compileAll<Row>(children: readonly Truth<Row>[], decisive: number): Truth<Row> {
  return (row) => {
    let result = TRUE - decisive;
    for (const child of children) {
      const truth = child(row);
      if (truth === decisive) return decisive;
      if (truth === NULL) result = NULL;
    }
    return result;
  };
}

function compileLike<Row>(text: Read<Row>, pattern: Read<Row>, escape: string | undefined): Truth<Row> {
  let matched: string | undefined;
  let matches = likeMatcher('');
  return (row) => {
    const value = text(row);
    const wanted = pattern(row);
    if (typeof value !== 'string' || typeof wanted !== 'string') return NULL;
    if (wanted !== matched) [matched, matches] = [wanted, likeMatcher(wanted, escape)];
    return matches(value, 0, value.length) ? TRUE : FALSE;
  };
}

function readText<Row>(operand: BoundOperand, read: (operand: BoundOperand) => Read<Row>): Read<Row> {
  const own = read(operand);
  const type = 'column' in operand ? operand.type : undefined;
  return (row) => {
    const value = own(row);
    return value === null ? null : likeText(value, type);
  };
}

/** Undeclared columns are found in any case, and most records of a table spell their fields alike. */
function readField({ column, type }: BoundColumn): Read<Readonly<Record<string, unknown>>> {
  if (type !== undefined) return (record) => (Object.hasOwn(record, column) ? columnValue(record[column], type) : null);
  const lowerCase = column.toLowerCase();
  let spelling = column;
  return (record) => {
    if (!Object.hasOwn(record, spelling)) {
      const found = Object.keys(record).find((key) => key.length === column.length && key.toLowerCase() === lowerCase);
      if (found === undefined) return null;
      spelling = found;
    }
    return columnValue(record[spelling]);
  };
}
