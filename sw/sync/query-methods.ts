import type { WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import type { QueryOptions } from '../protocol/query.ts';
import { isStatusName, type StatusDetail, type SyncStatus } from '../protocol/status.ts';
import { withCurrentFilter } from '../store/current-filter.ts';
import { readList } from '../store/list.ts';
import type { ListQuery } from '../store/list-matcher.ts';
import { holdsAll, isSendable, type Schema, type Table } from '../store/schema.ts';
import { setStatus } from '../store/set-status.ts';
import { parseOrderBy, toFilterTree } from '../filter/index.ts';
import { parametersOf, tableOf } from './method-arguments.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { sessionToWrite } from './signed-in.ts';
import { tellPending } from './state.ts';

type FilterArguments = Pick<ListQuery, 'filter' | 'params' | 'source'>;

/** A filter that came over a port, in any form. */
export function filterOf(
  table: Table,
  filter: unknown,
  params: Readonly<Record<string, unknown>> | undefined,
): FilterArguments {
  const values = parametersOf(params);
  if (filter === undefined || filter === null) return { filter: null, params: values };
  const options = { types: table.columnTypes, table: table.name, parameters: new Set(Object.keys(values)) };
  if (typeof filter === 'string') return { filter: toFilterTree(filter, options), params: values, source: filter };
  if (typeof filter === 'object') return { filter: toFilterTree(filter, options), params: values };
  throw new SyncError('invalid-request', 'A filter is a text, an object, or what filterBuilder makes.');
}

function countOf(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new SyncError('invalid-request', `${name} must be a whole number from 0.`);
}

function statusOf(value: unknown): SyncStatus | StatusDetail {
  if (value === 0) return 'synchronized';
  if (value === 1) return 'not-synchronized';
  if (isStatusName(value)) return value;
  throw new SyncError('invalid-request', `${JSON.stringify(value)} is no status of a record.`);
}

function queryOf(table: Table, options: QueryOptions): ListQuery {
  const { filter, params, orderBy = '', limit, offset = 0, status } = options;
  const given: unknown = orderBy;
  if (typeof given !== 'string') throw new SyncError('invalid-request', 'orderBy is a text, such as "Name,-Stock".');
  return {
    ...filterOf(table, filter, params),
    orderBy: parseOrderBy(given, { types: table.columnTypes, table: table.name }),
    limit: limit === undefined ? null : countOf('limit', limit),
    offset: countOf('offset', offset),
    status: status === undefined ? null : statusOf(status),
  };
}

/** What a page's calls about records and their status do. */
export function createQueryMethods(sessions: Sessions, schema: Schema): Pick<WorkerMethods, 'query' | 'setStatus'> {
  return {
    query: (name, options) =>
      reply(async () => {
        const { database, base } = await sessions.current();
        const table = tableOf(schema, name);
        if (table.scope === 'online') {
          throw new SyncError(
            'online-only',
            `${table.name} is never kept here. Fetch ${table.path} to ask the server.`,
          );
        }
        const query = await withCurrentFilter(database, schema, table, queryOf(table, options));
        const list = await readList(database, base, table, query);
        const { texts, total, notClean: statuses, notSynchronized, warnings, head } = list;
        const { downloadedAt } = head;
        const holds = holdsAll(table);
        const complete = holds === 'always' || (holds === 'when-complete' && head.complete && head.whole);
        const facts = { total, statuses, notSynchronized, warnings, complete, downloadedAt };
        return { ...facts, text: `[${texts.join(',')}]`, keyField: table.key };
      }),
    setStatus: (name, status, filter, options) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const table = tableOf(schema, name);
        const wanted = statusOf(status);
        if (wanted !== 'synchronized' && wanted !== 'not-synchronized') {
          throw new SyncError('invalid-request', 'A status is synchronized (0) or not-synchronized (1).');
        }
        if (wanted === 'not-synchronized' && (!isSendable(table) || table.scope === 'online')) {
          throw new SyncError('unsupported', `Records of ${table.name} are never sent. No status was set.`);
        }
        const { params, includeDeleted = false } = options;
        const { database, base } = session;
        const asked = { ...filterOf(table, filter, params), includeDeleted };
        const query = await withCurrentFilter(database, schema, table, asked);
        const set = await setStatus(database, base, table, { status: wanted, query });
        if (set.count > 0) {
          session.announce({
            type: 'changed',
            source: 'local',
            tables: { [table.name]: { changed: null, removed: [] } },
          });
          await tellPending(session);
        }
        return set;
      }),
  };
}
