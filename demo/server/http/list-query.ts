import { parseOrderBy } from '../../../sw/filter/order-by.ts';
import { parseFilter } from '../../../sw/filter/parse.ts';
import { columnValue } from '../../../sw/filter/values.ts';
import type { FilterNode } from '../../../sw/protocol/filter-tree.ts';
import { quoteName } from '../database/database.ts';
import { both, type Condition, everything } from '../read/condition.ts';
import { filterCondition, filterTypes } from '../read/filter-sql.ts';
import type { ListQuery } from '../read/list.ts';
import { columnOf, type TableDefinition } from '../schema/table-definition.ts';
import { ProblemError } from './problem.ts';

function asCount(name: string, value: string): number {
  const count = Number(value);
  if (/^\d+$/.test(value) && count <= 2_147_483_647) return count;
  throw new ProblemError(400, 'invalid-request', `${name} must be a whole number.`);
}

/** `?Stock=7`. An empty text also stands for NULL, as a query has no other way to say it. */
function equality(table: TableDefinition, name: string, text: string): Condition {
  const column = { type: 'column', name } as const;
  const equal: FilterNode = {
    type: 'compare',
    operator: '=',
    left: column,
    right: { type: 'value', value: columnValue(text, filterTypes(table)[name]) },
  };
  const where: FilterNode = text === '' ? { type: 'or', nodes: [equal, { type: 'isNull', operand: column }] } : equal;
  return filterCondition(table, { version: 1, where }, {});
}

/** NULL comes first when ascending and last when descending. */
function orderTerms(table: TableDefinition, text: string): string[] {
  const types = filterTypes(table);
  const terms = parseOrderBy(text, { table: table.name, types, known: new Set(Object.keys(types)) });
  return terms.map(({ column, descending }) => {
    return `${quoteName(column)} ${descending ? 'desc nulls last' : 'asc nulls first'}`;
  });
}

/** `?:n=5`: the values of the filter's parameters. */
function parametersIn(query: URLSearchParams): Readonly<Record<string, string>> {
  const named = [...query].filter(([name]) => name.startsWith(':'));
  return Object.fromEntries(named.map(([name, value]) => [name.slice(1), value]));
}

/** What the query of `GET /api/<table>` asks for; several conditions must all hold. Throws `FilterError`. */
export function parseListQuery(table: TableDefinition, user: string, query: URLSearchParams): ListQuery {
  let scope: Condition = everything;
  let whole = true;
  let orderBy: string[] = [];
  let limit: number | null = null;
  let offset = 0;
  const params = parametersIn(query);
  const narrow = (condition: Condition): void => {
    scope = both(scope, condition);
    whole = false;
  };
  for (const [name, value] of query) {
    if (columnOf(table, name) !== undefined) {
      narrow(equality(table, name, value));
    } else if (name === 'filter') {
      if (value.trim() !== '') {
        const types = filterTypes(table);
        const names = { known: new Set(Object.keys(types)), parameters: new Set(Object.keys(params)) };
        const tree = parseFilter(value, { table: table.name, types, ...names });
        narrow(filterCondition(table, tree, params));
      }
    } else if (name === 'limit') limit = asCount(name, value);
    else if (name === 'offset') offset = asCount(name, value);
    else if (name === 'orderBy') orderBy = orderTerms(table, value);
    else if (!name.startsWith(':'))
      throw new ProblemError(400, 'invalid-request', `${table.name} has no column ${name}.`);
  }
  return { reading: { table, user, scope, whole }, orderBy, limit, offset };
}
