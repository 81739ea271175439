import type {
  ColumnType,
  FilterNode,
  FilterOperand,
  FilterOperator,
  FilterTree,
  FilterValue,
} from '../protocol/filter-tree.ts';
import { filterFailure } from './failure.ts';
import { type NameOptions, resolveName } from './names.ts';
import { nearest } from './nearest.ts';
import { truthOf } from './nodes.ts';
import { type ComparisonTruths, TRUTHS } from './truth.ts';
import { type ComparedValue, columnValue } from './values.ts';

export type FilterParameters = Readonly<Record<string, FilterValue | Date>>;

export interface CompileOptions extends NameOptions {
  /** The values of the filter's parameters; a Date stands for its ISO text. */
  readonly params?: FilterParameters | undefined;
}

export interface BoundColumn {
  readonly column: string;
  readonly type: ColumnType | undefined;
  /** The other side's type, if this side's values are to be read as such. */
  readonly as: ColumnType | undefined;
}

export interface BoundConstant {
  readonly constant: ComparedValue;
}

export type BoundOperand = BoundColumn | BoundConstant;

/** A tree with its parameters put in, its names resolved, and SQLite's type conversions decided. */
export type BoundNode =
  | {
      readonly type: 'compare';
      readonly truths: ComparisonTruths;
      readonly left: BoundOperand;
      readonly right: BoundOperand;
    }
  | {
      readonly type: 'like';
      readonly operand: BoundOperand;
      readonly pattern: BoundOperand;
      readonly escape: string | undefined;
    }
  | {
      readonly type: 'in';
      readonly operand: BoundOperand;
      readonly values: ReadonlySet<string | number>;
      readonly hasNull: boolean;
    }
  | { readonly type: 'isNull' | 'isTrue'; readonly operand: BoundOperand }
  | { readonly type: 'and' | 'or'; readonly nodes: readonly BoundNode[] }
  | { readonly type: 'not'; readonly node: BoundNode }
  | { readonly type: 'literal'; readonly value: boolean | null };

export interface BoundFilter {
  readonly where: BoundNode;
  readonly warnings: readonly string[];
}

/** Throws `FilterError` for a parameter without a value and, where `known` is given, for an unknown column. */
export function bindFilter(tree: FilterTree, options: CompileOptions): BoundFilter {
  const { params = {}, types = {} } = options;
  const warnings = new Set<string>();
  const used = new Set<string>();
  function bind(operand: FilterOperand): BoundOperand {
    switch (operand.type) {
      case 'column': {
        const column = resolveName(operand.name, options, (expected, meant) =>
          filterFailure(operand.name, 0, expected, meant),
        );
        return { column, type: Object.hasOwn(types, column) ? types[column] : undefined, as: undefined };
      }
      case 'parameter': {
        used.add(operand.name);
        const value = Object.hasOwn(params, operand.name) ? params[operand.name] : undefined;
        if (value !== undefined) return { constant: columnValue(value) };
        const expected = `a value for the parameter :${operand.name}`;
        throw filterFailure(`:${operand.name}`, 0, expected, nearest(operand.name, Object.keys(params)));
      }
      case 'value':
        return { constant: columnValue(operand.value) };
    }
  }

  function compare(operator: FilterOperator, left: BoundOperand, right: BoundOperand): BoundNode {
    const [a, b] = [comparedWith(left, right), comparedWith(right, left)];
    warn(left, b);
    warn(right, a);
    const truths = TRUTHS[operator];
    if ('column' in a || 'constant' in b) return { type: 'compare', truths, left: a, right: b };
    // The column, if there is one, stands left: the fast paths know only this form.
    const [less, equal, greater] = truths;
    return { type: 'compare', truths: [greater, equal, less], left: b, right: a };
  }

  function warn(column: BoundOperand, other: BoundOperand): void {
    if (!('column' in column && 'constant' in other)) return;
    const { constant } = other;
    if (constant === null) {
      warnings.add(`"${column.column}" compared with NULL is never true; write IS NULL or IS NOT NULL.`);
    } else if (typeof constant === 'string' && isNumeric(column.type)) {
      warnings.add(`"${column.column}" is declared as ${column.type}; it never equals '${constant}'.`);
    }
  }

  function bindIn(operand: BoundOperand, list: readonly BoundOperand[]): BoundNode {
    const values = new Set<string | number>();
    const columns: BoundNode[] = [];
    let hasNull = false;
    for (const item of list) {
      // SQLite reads `x IN (y)` as `x = +y`: y is read as x's type, whatever its own, and never the other way round.
      const member = readAs(item, typeOf(operand));
      if ('column' in member) columns.push({ type: 'compare', truths: TRUTHS['='], left: operand, right: member });
      else if (member.constant === null) hasNull = true;
      else values.add(member.constant);
      if ('column' in member || member.constant !== null) warn(operand, member);
    }
    if (list.length === 0) return { type: 'literal', value: false };
    return { type: 'or', nodes: [{ type: 'in', operand, values, hasNull }, ...columns] };
  }

  function bindNode(node: FilterNode): BoundNode {
    switch (node.type) {
      case 'compare':
        return compare(node.operator, bind(node.left), bind(node.right));
      case 'between': {
        const operand = bind(node.operand);
        const nodes = [compare('>=', operand, bind(node.low)), compare('<=', operand, bind(node.high))];
        return { type: 'and', nodes };
      }
      case 'like':
        return { type: 'like', operand: bind(node.operand), pattern: bind(node.pattern), escape: node.escape };
      case 'in':
        return bindIn(bind(node.operand), node.list.map(bind));
      case 'isNull':
        return { type: 'isNull', operand: bind(node.operand) };
      case 'isTrue': {
        const operand = bind(node.operand);
        return 'column' in operand
          ? { type: 'isTrue', operand }
          : { type: 'literal', value: truthOf(operand.constant) };
      }
      case 'and':
      case 'or':
        return { type: node.type, nodes: node.nodes.map(bindNode) };
      case 'not':
        return { type: 'not', node: bindNode(node.node) };
      case 'literal':
        return node;
    }
  }

  const where = bindNode(tree.where);
  for (const name of Object.keys(params)) {
    if (!used.has(name)) warnings.add(`The parameter :${name} is not used by the filter.`);
  }
  return { where, warnings: [...warnings] };
}

function typeOf(operand: BoundOperand): ColumnType | undefined {
  return 'column' in operand ? operand.type : undefined;
}

function isNumeric(type: ColumnType | undefined): boolean {
  return type !== undefined && type !== 'string';
}

/**
 * SQLite: a numeric side makes numbers of the other; a text side makes texts of constants only, since a column without a
 * type is one of mixed values and stays so.
 */
function comparedWith(operand: BoundOperand, other: BoundOperand): BoundOperand {
  const type = typeOf(other);
  const converts = 'constant' in operand || (isNumeric(type) && !isNumeric(operand.type));
  return converts ? readAs(operand, type) : operand;
}

function readAs(operand: BoundOperand, type: ColumnType | undefined): BoundOperand {
  if (type === undefined) return operand;
  return 'constant' in operand ? { constant: columnValue(operand.constant, type) } : { ...operand, as: type };
}
