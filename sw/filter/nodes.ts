import type { FilterNode, FilterOperand, FilterValue } from '../protocol/filter-tree.ts';

/** The conditions joined; one condition is itself, and none is true for `and` and false for `or`. */
export function combine(type: 'and' | 'or', nodes: readonly FilterNode[]): FilterNode {
  const [first] = nodes;
  if (!first) return { type: 'literal', value: type === 'and' };
  return nodes.length === 1 ? first : { type, nodes };
}

export function not(node: FilterNode): FilterNode {
  return { type: 'not', node };
}

/** An operand where a condition stands, as in `Done AND Stock > 5`: SQLite takes what is not 0 for true. */
export function isTrue(operand: FilterOperand): FilterNode {
  return operand.type === 'value' ? { type: 'literal', value: truthOf(operand.value) } : { type: 'isTrue', operand };
}

/** SQLite reads a number from the start of a text, so that '3 pieces' is true and 'three' is not. */
export function truthOf(value: FilterValue): boolean | null {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  return Number(/^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/iu.exec(value)?.[0] ?? 0) !== 0;
}
