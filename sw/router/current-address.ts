import { parseFilter, printFilter } from '../filter/index.ts';
import { withCurrentCommand } from '../store/aliases.ts';
import { withCurrentFilter } from '../store/current-filter.ts';
import type { Table } from '../store/schema.ts';
import type { Session } from '../sync/session.ts';

async function withCurrentFilters(session: Session, table: Table, search: string): Promise<string> {
  const { database, schema } = session;
  const params = new URLSearchParams(search);
  const parameters = new Set([...params.keys()].flatMap((name) => (name.startsWith(':') ? [name.slice(1)] : [])));
  const options = { types: table.columnTypes, table: table.name, parameters };
  const named = new URLSearchParams();
  let isSame = true;
  for (const [name, text] of params) {
    const given = name === 'filter' ? { filter: parseFilter(text, options), params: {} } : null;
    const current = given === null ? null : await withCurrentFilter(database, schema, table, given);
    if (current === given || current === null) named.append(name, text);
    else named.append(name, printFilter(current.filter));
    isSame &&= current === given;
  }
  return isSame ? search : `?${named.toString()}`;
}

/**
 * A request for a list under the keys that the server knows (U-08): a page may have kept a temporary one.
 *
 * @param isUnderstood Whether a `filter` in it is one of this language.
 */
export async function underCurrentKeys(
  session: Session,
  table: Table,
  request: Request,
  isUnderstood: boolean,
): Promise<Request> {
  const { database, schema } = session;
  const address = new URL(request.url);
  const { search } = address;
  if (search === '') return request;
  const asked = { path: search, body: null, names: [] };
  const { path } = await database.read(['aliases', 'meta'], (tx) => withCurrentCommand(tx, schema, asked));
  const current = isUnderstood ? await withCurrentFilters(session, table, path) : path;
  if (current === search) return request;
  address.search = current;
  const { headers, signal, credentials } = request;
  return new Request(address, { headers, signal, credentials });
}
