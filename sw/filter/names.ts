import type { ColumnType, FilterNode, FilterOperand, FilterTree } from '../protocol/filter-tree.ts';
import { nearest } from './nearest.ts';

/** The declared columns: object keys are names in their declared spelling. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

export interface NameOptions {
  /** The declared types of columns, by name. They also give names written in another case their spelling. */
  readonly types?: ColumnTypes | undefined;
  /** All columns of a closed table: any other name is a `FilterError`. Leave it out where records may have more. */
  readonly known?: ReadonlySet<string> | undefined;
}

/** The declared spelling of a column name written in any case. `fail` makes the error for an unknown name. */
export function resolveName(
  name: string,
  { types = {}, known }: NameOptions,
  fail: (expected: string, nearest: string | undefined) => Error,
): string {
  if (Object.hasOwn(types, name) || known?.has(name)) return name;
  const names = [...(known ?? []), ...Object.keys(types)];
  const lowerCase = name.toLowerCase();
  const declared = names.find((candidate) => candidate.toLowerCase() === lowerCase);
  if (declared === undefined && known) throw fail('a column of the table', nearest(name, names));
  return declared ?? name;
}

/** The names of all columns that a filter reads, as the filter spells them. */
export function columnsOf(tree: FilterTree): ReadonlySet<string> {
  const names = new Set<string>();
  for (const operand of operandsOf(tree.where)) if (operand.type === 'column') names.add(operand.name);
  return names;
}

/** The names of all parameters that a filter needs. */
export function parametersOf(tree: FilterTree): ReadonlySet<string> {
  const names = new Set<string>();
  for (const operand of operandsOf(tree.where)) if (operand.type === 'parameter') names.add(operand.name);
  return names;
}

function operandsOf(node: FilterNode): readonly FilterOperand[] {
  switch (node.type) {
    case 'compare':
      return [node.left, node.right];
    case 'like':
      return [node.operand, node.pattern];
    case 'in':
      return [node.operand, ...node.list];
    case 'between':
      return [node.operand, node.low, node.high];
    case 'isNull':
    case 'isTrue':
      return [node.operand];
    case 'and':
    case 'or':
      return node.nodes.flatMap(operandsOf);
    case 'not':
      return operandsOf(node.node);
    case 'literal':
      return [];
  }
}
