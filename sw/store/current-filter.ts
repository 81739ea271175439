import { aliasFields, currentKey } from './aliases.ts';
import type { Database } from './database.ts';
import type { ListQuery } from './list-matcher.ts';
import { keyOf, type Schema, type Table } from './schema.ts';
import type { FilterParameters } from '../filter/index.ts';
import { KeyNames } from '../protocol/key-names.ts';
import type { FilterNode, FilterOperand } from '../protocol/filter-tree.ts';
import type { RecordKey } from '../protocol/record.ts';

/** Puts other operands in the places where a filter compares a column with something else. */
function replaceCompared(
  node: FilterNode,
  replace: (column: string, operand: FilterOperand) => FilterOperand,
): FilterNode {
  const inner = (child: FilterNode): FilterNode => replaceCompared(child, replace);
  switch (node.type) {
    case 'compare': {
      const { left, right } = node;
      if (left.type === 'column' && right.type !== 'column') return { ...node, right: replace(left.name, right) };
      if (right.type === 'column' && left.type !== 'column') return { ...node, left: replace(right.name, left) };
      return node;
    }
    case 'in': {
      const { operand, list } = node;
      return operand.type === 'column' ? { ...node, list: list.map((item) => replace(operand.name, item)) } : node;
    }
    case 'and':
    case 'or':
      return { ...node, nodes: node.nodes.map(inner) };
    case 'not':
      return { ...node, node: inner(node.node) };
    case 'between':
    case 'isNull':
    case 'isTrue':
    case 'like':
    case 'literal':
      return node;
  }
}

function valueOf(operand: FilterOperand, params: FilterParameters): unknown {
  if (operand.type === 'value') return operand.value;
  return operand.type === 'parameter' && Object.hasOwn(params, operand.name) ? params[operand.name] : null;
}

/** The keys that the filter may name, each with its table. */
function keysNamed(
  schema: Schema,
  table: Table,
  { filter, params }: Pick<ListQuery, 'filter' | 'params'>,
): { readonly named: Map<Table, Set<RecordKey>>; readonly tableOf: (column: string) => Table | undefined } {
  const fields = aliasFields(schema, table);
  const tableOf = (column: string): Table | undefined => {
    const field = fields.find((each) => each.field.toLowerCase() === column.toLowerCase());
    return field === undefined ? undefined : schema.tables.get(field.table);
  };
  const named = new Map<Table, Set<RecordKey>>();
  if (filter === null || fields.length === 0) return { named, tableOf };
  replaceCompared(filter.where, (column, operand) => {
    const referred = tableOf(column);
    const key = referred === undefined ? null : keyOf(referred, valueOf(operand, params));
    if (referred !== undefined && key !== null) named.set(referred, (named.get(referred) ?? new Set()).add(key));
    return operand;
  });
  return { named, tableOf };
}

/** The query with the keys that the records which it names have now (U-08): a page may have kept a temporary one. */
export async function withCurrentFilter<Query extends Pick<ListQuery, 'filter' | 'params'>>(
  database: Database,
  schema: Schema,
  table: Table,
  query: Query,
): Promise<Query> {
  const { named, tableOf } = keysNamed(schema, table, query);
  if (query.filter === null || named.size === 0) return query;
  const names = new KeyNames();
  await database.read(['aliases'], async (tx) => {
    for (const [referred, keys] of named) {
      for (const key of keys) {
        const current = await currentKey(tx, referred, key);
        if (current !== key) names.add(referred.name, key, current);
      }
    }
  });
  if (names.size === 0) return query;
  const where = replaceCompared(query.filter.where, (column, operand) => {
    const referred = tableOf(column);
    const key = referred === undefined ? null : keyOf(referred, valueOf(operand, query.params));
    if (referred === undefined || key === null) return operand;
    const current = names.of(referred.name, key);
    return current === key ? operand : { type: 'value', value: current };
  });
  return { ...query, filter: { ...query.filter, where } };
}

/** The keys that these records have now. */
export function withCurrentSelection(
  database: Database,
  table: Table,
  keys: readonly RecordKey[],
): Promise<readonly RecordKey[]> {
  if (!table.serverKeys) return Promise.resolve(keys);
  return database.read(['aliases'], async (tx) => [
    ...new Set(await Promise.all(keys.map((key) => currentKey(tx, table, key)))),
  ]);
}
