import type { FilterTree } from '../../../sw/protocol/filter-tree.ts';
import type { Json } from '../../../sw/protocol/record.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import type { Condition } from './condition.ts';

/** The SQL condition for a filter. */
export function filterCondition(
  table: TableDefinition,
  filter: FilterTree,
  params: Readonly<Record<string, Json>>,
): Condition {
  throw new Error(`${table.name}: ${JSON.stringify([filter, params])} is not understood yet.`);
}
