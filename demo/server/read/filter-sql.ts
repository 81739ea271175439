import { FilterError } from '../../../sw/protocol/errors.ts';
import type { ColumnType, FilterTree } from '../../../sw/protocol/filter-tree.ts';
import type { Json } from '../../../sw/protocol/record.ts';
import {
  type BoundColumn,
  type BoundNode,
  type BoundOperand,
  bindFilter,
  type FilterParameters,
} from '../../../sw/filter/bind.ts';
import { compileNode } from '../../../sw/filter/compile.ts';
import { type ComparisonTruths, FALSE, NULL, TRUE, TRUTHS } from '../../../sw/filter/truth.ts';
import { quoteName } from '../database/database.ts';
import { storable } from '../schema/record-text.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import type { Bind, Condition } from './condition.ts';
import { likePattern } from './like-sql.ts';

/** The columns that filters know. One of any JSON has no type to compare by. */
export function filterTypes(table: TableDefinition): Readonly<Record<string, ColumnType>> {
  return Object.fromEntries(
    Object.entries(table.columns).flatMap(([name, { type }]): [string, ColumnType][] =>
      type === 'json' || type === 'file' ? [] : [[name, type]],
    ),
  );
}

function asParameters(params: Readonly<Record<string, Json>>): FilterParameters {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (value === null || typeof value !== 'object') return [name, value];
      throw refusal(`The parameter :${name} is neither a text, a number, a boolean nor null.`);
    }),
  );
}

function refusal(message: string): FilterError {
  return new FilterError(message, { position: 0, expected: 'a filter that the server can evaluate', caretLine: '' });
}

/**
 * The SQL condition for a filter; it means what the filter means here and on every device. Throws `FilterError` for a
 * column that is not there, a parameter without a value, and for a comparison of columns of different types.
 */
export function filterCondition(
  table: TableDefinition,
  filter: FilterTree,
  params: Readonly<Record<string, Json>>,
): Condition {
  const types = filterTypes(table);
  const known = new Set(Object.keys(types));
  const { where } = bindFilter(filter, { types, known, params: asParameters(params) });
  // What cannot be said in SQL is refused now, not when the statement is made.
  nodeSql(where, () => '$1');
  return (bind) => nodeSql(where, bind);
}

const truths: Readonly<Record<number, string>> = { [FALSE]: 'false', [NULL]: 'null::boolean', [TRUE]: 'true' };

function nodeSql(node: BoundNode, bind: Bind): string {
  switch (node.type) {
    case 'and':
    case 'or':
      return `(${node.nodes.map((child) => nodeSql(child, bind)).join(` ${node.type} `)})`;
    case 'not':
      return `(not ${nodeSql(node.node, bind)})`;
    case 'literal':
      return node.value === null ? 'null::boolean' : String(node.value);
    case 'compare':
      if ('constant' in node.left && 'constant' in node.right) return constantSql(node);
      return compareSql(node, bind);
    case 'in':
      return 'constant' in node.operand ? constantSql(node) : inSql(node, node.operand, bind);
    case 'isNull':
      return 'constant' in node.operand ? constantSql(node) : `(${plainColumn(node.operand)} is null)`;
    case 'isTrue':
      return 'constant' in node.operand ? constantSql(node) : isTrueSql(node.operand);
    case 'like':
      if ('constant' in node.operand && 'constant' in node.pattern) return constantSql(node);
      return likeSql(node, bind);
  }
}

/** The same for all rows, so that it is evaluated here. */
function constantSql(node: BoundNode): string {
  const truth = compileNode<null>(node, () => () => null)(null);
  return truths[truth] ?? 'null::boolean';
}

function plainColumn({ column, type, as }: BoundColumn): string {
  if (as !== undefined && as !== type)
    throw refusal(`The server cannot compare ${column} with a column of another type.`);
  return quoteName(column);
}

function isText(operand: BoundColumn): boolean {
  return operand.type === 'string';
}

/** A column as the number that filters compare. */
function columnSql(operand: BoundColumn): string {
  const column = plainColumn(operand);
  return operand.type === 'boolean' ? `${column}::int` : column;
}

type Compare = Extract<BoundNode, { readonly type: 'compare' }>;

function compareSql({ left, right, truths: [less, equal, greater] }: Compare, bind: Bind): string {
  if ('constant' in left)
    return compareSql({ type: 'compare', left: right, right: left, truths: [greater, equal, less] }, bind);
  const operator = operatorOf([less, equal, greater]);
  const column = columnSql(left);
  if ('column' in right) {
    if (isText(left) !== isText(right)) throw refusal(`The server cannot compare ${left.column} with ${right.column}.`);
    return `(${column} ${operator} ${columnSql(right)})`;
  }
  const { constant } = right;
  if (constant === null) return 'null::boolean';
  if (isText(left) === (typeof constant === 'string')) return `(${column} ${operator} ${constantOf(constant, bind)})`;
  // Every text is greater than every number.
  const truth = isText(left) ? greater : less;
  return `(case when ${column} is null then null else ${truths[truth] ?? 'null'} end)`;
}

function operatorOf(wanted: ComparisonTruths): string {
  const found = Object.entries(TRUTHS).find(([, known]) => known.every((truth, index) => truth === wanted[index]));
  if (found === undefined) throw refusal('The server does not know this comparison.');
  return found[0];
}

function constantOf(value: string | number, bind: Bind): string {
  return typeof value === 'number' ? `${bind(value)}::double precision` : `${bind(storable(value))}::text`;
}

function inSql(
  { values, hasNull }: Extract<BoundNode, { readonly type: 'in' }>,
  operand: BoundColumn,
  bind: Bind,
): string {
  const column = columnSql(operand);
  const wanted = [...values].filter((value) => (typeof value === 'string') === isText(operand));
  const list = isText(operand)
    ? `${bind(wanted.map((value) => storable(String(value))))}::text[]`
    : `${bind(wanted)}::double precision[]`;
  return `(case when ${column} is null then null when ${column} = any(${list}) then true else ${hasNull ? 'null' : 'false'} end)`;
}

/** As SQLite reads a number from the start of a text. */
function isTrueSql(operand: BoundColumn): string {
  if (!isText(operand)) return `(${columnSql(operand)} <> 0)`;
  // A number is not 0 exactly if a digit other than 0 stands before its exponent.
  return `(${plainColumn(operand)} ~ '^\\s*[+-]?(\\d*[1-9]\\d*(\\.\\d*)?|\\d+\\.\\d*[1-9]|\\.\\d*[1-9])')`;
}

function likeSql({ operand, pattern, escape }: Extract<BoundNode, { readonly type: 'like' }>, bind: Bind): string {
  if ('constant' in pattern) {
    if (pattern.constant === null) return 'null::boolean';
    const text = likeTextSql(operand, bind);
    const translated = likePattern(String(pattern.constant), escape);
    if (translated === null) return `(case when ${text} is null then null else false end)`;
    return `(${text} like ${bind(storable(translated))}::text)`;
  }
  if (escape !== undefined) throw refusal('The server cannot take a pattern with ESCAPE from a column.');
  return `(${likeTextSql(operand, bind)} like replace(${likeTextSql(pattern, bind)}, '\\', '\\\\'))`;
}

/** An operand's text with ASCII letters in lower case, which is all that the collation "C" knows of case. */
function likeTextSql(operand: BoundOperand, bind: Bind): string {
  if ('constant' in operand) {
    if (operand.constant === null) return 'null::text';
    return `lower(${bind(storable(String(operand.constant)))}::text collate "C")`;
  }
  const column = plainColumn(operand);
  switch (operand.type) {
    case 'number':
      // As the record's JSON writes it: the database would write large numbers in another way.
      return `(_text::json ->> ${bind(operand.column)}::text)`;
    case 'boolean':
      return `${column}::int::text`;
    case 'date':
      return `lower(to_char(to_timestamp(${column} / 1000) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') collate "C")`;
    case 'string':
    case undefined:
      return `lower(${column} collate "C")`;
  }
}
