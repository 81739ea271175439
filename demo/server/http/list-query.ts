import { isUnstorable } from '../schema/record-text.ts';
import { columnOf, type ColumnDefinition, type TableDefinition } from '../schema/table-definition.ts';
import { quoteName } from '../database/database.ts';
import { both, type Condition, everything } from '../read/condition.ts';
import type { ListQuery } from '../read/list.ts';
import { ProblemError } from './problem.ts';

function asCount(name: string, value: string): number {
  const count = Number(value);
  if (/^\d+$/.test(value) && count <= 2_147_483_647) return count;
  throw new ProblemError(400, 'invalid-request', `${name} must be a whole number.`);
}

function equality(name: string, text: string, { type }: ColumnDefinition): Condition {
  const column = quoteName(name);
  if (text === '') return () => `(${column} is null or ${column}::text = '')`;
  const invalid = (): ProblemError => new ProblemError(400, 'invalid-request', `${name} cannot be ${text}.`);
  if (type === 'number') {
    const value = Number(text);
    if (!Number.isFinite(value)) throw invalid();
    return (bind) => `${column} = ${bind(value)}::double precision`;
  }
  if (type === 'boolean') {
    if (text !== 'true' && text !== 'false') throw invalid();
    return () => `${column} is ${text}`;
  }
  if (isUnstorable(text)) throw invalid();
  return (bind) => `${column} = ${bind(text)}::text`;
}

/** `orderBy=Name,-Stock`: NULL comes first when ascending and last when descending. */
function orderTerms(table: TableDefinition, text: string): string[] {
  return text.split(',').map((term) => {
    const name = term.trim().replace(/^-/, '');
    if (columnOf(table, name) === undefined) {
      throw new ProblemError(400, 'filter', `${table.name} has no column ${name} to order by.`);
    }
    return `${quoteName(name)} ${term.trim().startsWith('-') ? 'desc nulls last' : 'asc nulls first'}`;
  });
}

/** What the query of `GET /api/<table>` asks for. */
export function parseListQuery(table: TableDefinition, user: string, query: URLSearchParams): ListQuery {
  let scope: Condition = everything;
  let whole = true;
  let orderBy: string[] = [];
  let limit: number | null = null;
  let offset = 0;
  for (const [name, value] of query) {
    const column = columnOf(table, name);
    if (column !== undefined) {
      scope = both(scope, equality(name, value, column));
      whole = false;
    } else if (name === 'limit') limit = asCount(name, value);
    else if (name === 'offset') offset = asCount(name, value);
    else if (name === 'orderBy') orderBy = value === '' ? [] : orderTerms(table, value);
    else throw new ProblemError(400, 'invalid-request', `${table.name} has no column ${name}.`);
  }
  return { reading: { table, user, scope, whole }, orderBy, limit, offset };
}
