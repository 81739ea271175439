import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, type JsonObject, type RecordKey } from '../protocol/record.ts';
import { isJson, notOurServer, unreachable } from '../backend/http.ts';
import { createMatcher, type ListQuery } from '../store/list-matcher.ts';
import { detailOfRows, rowsBetween, seqsInFlight } from '../store/changes.ts';
import { readView } from '../store/view.ts';
import { keyOf, type Table } from '../store/schema.ts';
import type { Session } from '../sync/session.ts';
import { underCurrentKeys } from './current-address.ts';

/** How long a read waits for the head of an answer. */
const silenceMs = 30_000;

/**
 * A read that meets silence fails after a while, and the page hears of it. What writes is left alone: the server may be at
 * work on it, and nobody here could say what became of it.
 */
async function passOn(session: Session, request: Request): Promise<Response> {
  const { environment } = session;
  if (request.method !== 'GET') return environment.fetch(request);
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new DOMException('The server fell silent.', 'TimeoutError')),
    silenceMs,
  );
  try {
    return await environment.fetch(request, { signal: AbortSignal.any([request.signal, controller.signal]) });
  } finally {
    clearTimeout(timer);
  }
}

/** The request by the key that the server knows, where it came by one that stood in for it (U-08). */
export function underKey(request: Request, asked: RecordKey, key: RecordKey): Request {
  if (asked === key) return request;
  const { url, headers, signal, credentials } = request;
  const address = new URL(url);
  const names = address.pathname.split('/');
  names[names.lastIndexOf(encodeURIComponent(asked))] = encodeURIComponent(key);
  address.pathname = names.join('/');
  return new Request(address, { headers, signal, credentials });
}

/** Passes a request on. Offline it is a 503 problem with the code that says why it was not answered from here. */
export async function fromNetwork(
  session: Session,
  request: Request,
  code: 'not-downloaded' | 'not-held' | 'online-only' | 'offline',
): Promise<Response> {
  try {
    return await passOn(session, request);
  } catch (error) {
    const why = {
      'not-downloaded': 'The first download is not complete, so what is not here may still exist.',
      'not-held': 'Only a part of the table is kept here, so what is not here may still exist.',
      'online-only': 'This table is never kept here.',
      offline: 'The worker does not understand this request, so the server would have to answer it.',
    };
    throw new SyncError(code, `${why[code]} The network cannot be asked just now; try again when it can.`, {
      cause: unreachable(error, request.url),
      retryable: true,
    });
  }
}

interface LocalCopy {
  readonly text: string | null;
  readonly matches: boolean;
}

/** A body that was cut is no answer, whatever its status said (A-B6). */
async function readJson(response: Response): Promise<unknown> {
  try {
    const value: unknown = await response.clone().json();
    return value;
  } catch {
    throw notOurServer(response, 'JSON');
  }
}

interface NetworkList {
  /** Null: it was not understood here. */
  readonly query: ListQuery | null;
  readonly request: Request;
  readonly code: 'not-downloaded' | 'not-held' | 'online-only' | 'offline';
}

/** A list from the network with what is changed here laid over it (D-08). */
export async function listFromNetwork(
  session: Session,
  table: Table,
  { query, request, code }: NetworkList,
): Promise<Response> {
  const rows = await session.database.read(['changes'], (tx) => rowsBetween(tx, table.name, null, null));
  const named = await underCurrentKeys(session, table, request, query !== null);
  const response = await fromNetwork(session, named, code);
  // The server may take a change after it has made the list, and before the list is here.
  return overlayList(session, table, { query, response, changedBefore: new Set(rows.map(({ key }) => key)) });
}

/** Replaces, removes, and adds what matches. */
async function overlayList(
  session: Session,
  table: Table,
  list: {
    readonly query: ListQuery | null;
    readonly response: Response;
    readonly changedBefore: ReadonlySet<RecordKey>;
  },
): Promise<Response> {
  const { query, response, changedBefore } = list;
  if (!response.ok) return response;
  if (!isJson(response)) {
    // A query that is not understood here may ask for another format.
    if (query === null) return response;
    throw notOurServer(response, 'JSON');
  }
  const given = await readJson(response);
  if (!Array.isArray(given)) return response;
  const matcher = createMatcher(
    table,
    query ?? { filter: null, params: {}, orderBy: [], limit: null, offset: 0, status: null },
  );
  const local = await session.database.read(['changes', 'members'], async (tx) => {
    const [rows, inFlight] = await Promise.all([rowsBetween(tx, table.name, null, null), seqsInFlight(tx)]);
    const copies = new Map<string | number, LocalCopy>();
    for (const row of rows) {
      const detail = detailOfRows([row], inFlight, false);
      copies.set(row.key, {
        text: row.text,
        matches: row.text !== null && matcher.matchText(row.text, detail) !== null,
      });
    }
    return copies;
  });
  for (const key of changedBefore) {
    if (local.has(key)) continue;
    const view = await readView(session.database, session.base, table.name, key);
    const matches = view.text !== null && matcher.matchText(view.text, view.detail) !== null;
    local.set(view.key, { text: view.text, matches });
  }
  const records: (JsonObject | null)[] = given.map((value: unknown) => (isJsonObject(value) ? value : null));
  const texts: string[] = [];
  for (const record of records) {
    if (record === null) continue;
    const key = keyOf(table, record[table.key]);
    const copy = key === null ? undefined : local.get(key);
    if (key !== null) local.delete(key);
    if (copy === undefined) texts.push(JSON.stringify(record));
    else if (copy.text !== null && copy.matches) texts.push(copy.text);
  }
  if (query === null || query.offset === 0)
    for (const copy of local.values()) if (copy.matches && copy.text !== null) texts.push(copy.text);
  const headers = new Headers(response.headers);
  headers.delete('Content-Length');
  headers.delete('Content-Encoding');
  headers.set('Sync-Source', 'network');
  return new Response(`[${texts.join(',')}]`, { status: response.status, headers });
}

/** One record from the network, marked as such. */
export function markNetwork(response: Response): Response {
  if (response.ok && !isJson(response)) throw notOurServer(response, 'JSON');
  const headers = new Headers(response.headers);
  headers.set('Sync-Source', 'network');
  headers.set('Sync-Status', 'synchronized');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
