/** The declared type of a column. It decides how values of that column are compared. */
export type ColumnType = 'string' | 'number' | 'boolean' | 'date';

export type FilterValue = string | number | boolean | null;

export interface FilterColumn {
  readonly type: 'column';
  readonly name: string;
}

export interface FilterParameter {
  readonly type: 'parameter';
  readonly name: string;
}

export interface FilterConstant {
  readonly type: 'value';
  readonly value: FilterValue;
}

export type FilterOperand = FilterColumn | FilterParameter | FilterConstant;

export type FilterOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/**
 * One condition. `NOT LIKE`, `NOT IN`, `NOT BETWEEN` and `IS NOT NULL` are a `not` around the plain form: under SQLite's
 * three-valued logic the two are the same. `and` and `or` hold two conditions or more.
 */
export type FilterNode =
  | {
      readonly type: 'compare';
      readonly operator: FilterOperator;
      readonly left: FilterOperand;
      readonly right: FilterOperand;
    }
  | {
      readonly type: 'like';
      readonly operand: FilterOperand;
      readonly pattern: FilterOperand;
      /** One character that makes the `%`, `_` or itself after it literal. */
      readonly escape?: string;
    }
  | { readonly type: 'in'; readonly operand: FilterOperand; readonly list: readonly FilterOperand[] }
  | {
      readonly type: 'between';
      readonly operand: FilterOperand;
      readonly low: FilterOperand;
      readonly high: FilterOperand;
    }
  | { readonly type: 'isNull'; readonly operand: FilterOperand }
  | { readonly type: 'isTrue'; readonly operand: FilterColumn | FilterParameter }
  | { readonly type: 'and' | 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly type: 'not'; readonly node: FilterNode }
  | { readonly type: 'literal'; readonly value: boolean | null };

/**
 * A filter as it is stored and sent: what a filter text, a filter object and the builder all become. It is plain JSON.
 * Check what comes from outside with {@link isFilterTree}.
 */
export interface FilterTree {
  readonly version: 1;
  readonly where: FilterNode;
}

/** One term of an `orderBy`. NULL comes first when ascending and last when descending, as in SQLite. */
export interface OrderTerm {
  readonly column: string;
  readonly descending: boolean;
}

/** How deep conditions may be nested, and how many conditions and operands one tree may hold. */
export const FILTER_LIMITS: { readonly depth: number; readonly nodes: number; readonly textLength: number } = {
  depth: 200,
  nodes: 50_000,
  textLength: 65_536,
};

const OPERATORS: ReadonlySet<unknown> = new Set<FilterOperator>(['=', '<>', '<', '<=', '>', '>=']);

/** Tells whether a value that came from outside is a filter tree of this version, within {@link FILTER_LIMITS}. */
export function isFilterTree(value: unknown): value is FilterTree {
  let nodes = 0;

  function isOperand(operand: unknown, alsoConstant = true): boolean {
    if (!isObject(operand) || ++nodes > FILTER_LIMITS.nodes) return false;
    if (operand['type'] === 'value') return alsoConstant && isFilterValue(operand['value']);
    return (operand['type'] === 'column' || operand['type'] === 'parameter') && typeof operand['name'] === 'string';
  }

  function isNode(node: unknown, depth: number): boolean {
    if (!isObject(node) || depth > FILTER_LIMITS.depth || ++nodes > FILTER_LIMITS.nodes) return false;
    const { type } = node;
    switch (type) {
      case 'compare':
        return isFilterOperator(node['operator']) && isOperand(node['left']) && isOperand(node['right']);
      case 'like':
        return isOperand(node['operand']) && isOperand(node['pattern']) && isEscape(node['escape']);
      case 'in':
        return (
          isOperand(node['operand']) &&
          Array.isArray(node['list']) &&
          node['list'].every((operand: unknown) => isOperand(operand))
        );
      case 'between':
        return isOperand(node['operand']) && isOperand(node['low']) && isOperand(node['high']);
      case 'isNull':
        return isOperand(node['operand']);
      case 'isTrue':
        return isOperand(node['operand'], false);
      case 'and':
      case 'or':
        return (
          Array.isArray(node['nodes']) &&
          node['nodes'].length > 1 &&
          node['nodes'].every((child: unknown) => isNode(child, depth + 1))
        );
      case 'not':
        return isNode(node['node'], depth + 1);
      case 'literal':
        return node['value'] === null || typeof node['value'] === 'boolean';
      default:
        return false;
    }
  }

  return isObject(value) && value['version'] === 1 && isNode(value['where'], 0);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isFilterValue(value: unknown): value is FilterValue {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

function isEscape(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && isOneCharacter(value));
}

export function isFilterOperator(value: unknown): value is FilterOperator {
  return OPERATORS.has(value);
}

/** Whether a text is a single code point, which may be two UTF-16 units. */
export function isOneCharacter(text: string): boolean {
  return text.length > 0 && text.length === ((text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
}
