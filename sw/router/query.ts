import { parseFilter, parseOrderBy } from '../filter/index.ts';
import type { FilterNode, FilterTree } from '../protocol/filter-tree.ts';
import { SyncError } from '../protocol/errors.ts';
import { isStatusName, statusNames } from '../protocol/status.ts';
import type { ListQuery } from '../store/list-matcher.ts';
import type { Table } from '../store/schema.ts';

const ownNames: readonly string[] = ['filter', 'orderBy', 'limit', 'offset', 'status'];

function statusOf(text: string | null): ListQuery['status'] {
  if (text === null) return null;
  if (text === '0' || text === '1') return text === '0' ? 'synchronized' : 'not-synchronized';
  if (isStatusName(text)) return text;
  throw new SyncError(
    'invalid-request',
    `?status= must be ${statusNames.join(', ')}, 0 or 1; it is ${JSON.stringify(text)}.`,
  );
}

function wholeNumber(name: string, text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text))
    throw new SyncError('invalid-request', `?${name}= must be a whole number from 0; it is ${JSON.stringify(text)}.`);
  return Number(text);
}

function equality(table: Table, name: string, text: string): FilterNode {
  const isNumber = table.columnTypes[name] === 'number' && text.trim() !== '' && !Number.isNaN(Number(text));
  const value = isNumber ? Number(text) : text;
  return { type: 'compare', operator: '=', left: { type: 'column', name }, right: { type: 'value', value } };
}

function both(nodes: readonly FilterNode[]): FilterTree | null {
  const [first] = nodes;
  if (first === undefined) return null;
  return { version: 1, where: nodes.length === 1 ? first : { type: 'and', nodes } };
}

/** `?:n=5`: the values of the filter's parameters, as texts; a declared column reads them by its type. */
function parametersIn(params: URLSearchParams): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, text] of params) {
    if (!name.startsWith(':')) continue;
    if (values.has(name.slice(1))) throw new SyncError('invalid-request', `?${name}= must be given once.`);
    values.set(name.slice(1), text);
  }
  return values;
}

/**
 * What a list request asks for; null: something the worker does not understand, which is for the network.
 *
 * @throws FilterError for a filter or order that does not parse; SyncError `invalid-request` for a wrong number or status,
 * or a parameter that is given twice.
 */
export function readQuery(table: Table, params: URLSearchParams): ListQuery | null {
  const values = parametersIn(params);
  const options = { types: table.columnTypes, table: table.name, parameters: new Set(values.keys()) };
  const nodes: FilterNode[] = [];
  for (const [name, text] of params) {
    if (name === 'filter') nodes.push(parseFilter(text, options).where);
    else if (ownNames.includes(name) || name.startsWith(':')) continue;
    else if (table.columns.has(name) || name === table.key) nodes.push(equality(table, name, text));
    else return null;
  }
  const source = params.getAll('filter').length === 1 ? params.get('filter') : null;
  return {
    filter: both(nodes),
    params: Object.fromEntries(values),
    orderBy: parseOrderBy(params.get('orderBy') ?? '', options),
    limit: wholeNumber('limit', params.get('limit')),
    offset: wholeNumber('offset', params.get('offset')) ?? 0,
    status: statusOf(params.get('status')),
    ...(source === null ? {} : { source }),
  };
}
