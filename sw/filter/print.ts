import type { FilterNode, FilterOperand, FilterTree, FilterValue } from '../protocol/filter-tree.ts';
import { isReserved } from './cursor.ts';

/** Writes a filter as text; parsing that text gives an equal tree. Equal trees give equal texts. */
export function printFilter(tree: FilterTree): string {
  return printNode(tree.where);
}

function printNode(node: FilterNode): string {
  switch (node.type) {
    case 'compare':
      return `${printOperand(node.left)} ${node.operator} ${printOperand(node.right)}`;
    case 'like':
    case 'in':
    case 'between':
      return printPredicate(node, '');
    case 'isNull':
      return `${printOperand(node.operand)} IS NULL`;
    case 'isTrue':
      return printOperand(node.operand);
    case 'and':
    case 'or':
      return node.nodes.map(node.type === 'and' ? printInAnd : printInOr).join(node.type === 'and' ? ' AND ' : ' OR ');
    case 'not':
      return printNot(node.node);
    case 'literal':
      return printValue(node.value);
  }
}

function printPredicate(node: FilterNode & { readonly type: 'like' | 'in' | 'between' }, not: string): string {
  const operand = `${printOperand(node.operand)}${not}`;
  switch (node.type) {
    case 'like': {
      const escape = node.escape === undefined ? '' : ` ESCAPE ${printValue(node.escape)}`;
      return `${operand} LIKE ${printOperand(node.pattern)}${escape}`;
    }
    case 'in':
      return `${operand} IN (${node.list.map(printOperand).join(', ')})`;
    case 'between':
      return `${operand} BETWEEN ${printOperand(node.low)} AND ${printOperand(node.high)}`;
  }
}

function printNot(node: FilterNode): string {
  switch (node.type) {
    case 'like':
    case 'in':
    case 'between':
      return printPredicate(node, ' NOT');
    case 'isNull':
      return `${printOperand(node.operand)} IS NOT NULL`;
    default:
      return `NOT ${printInAnd(node)}`;
  }
}

function printInAnd(node: FilterNode): string {
  return node.type === 'and' || node.type === 'or' ? `(${printNode(node)})` : printNode(node);
}

/** A nested OR keeps its parentheses, since it is another tree than one longer OR. */
function printInOr(node: FilterNode): string {
  return node.type === 'or' ? `(${printNode(node)})` : printNode(node);
}

function printOperand(operand: FilterOperand): string {
  switch (operand.type) {
    case 'column':
      return printName(operand.name);
    case 'parameter':
      return `:${operand.name}`;
    case 'value':
      return printValue(operand.value);
  }
}

function printName(name: string): string {
  return /^[A-Za-z_]\w*$/u.test(name) && !isReserved(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

function printValue(value: FilterValue): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  return String(value).toUpperCase();
}
