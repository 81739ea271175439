import { listOf, objectOf, readObject, sendJson, type Exchange, type Endpoint } from './http.ts';

function revOf(seq: number, count: number): string {
  return `${seq < count ? 1 : 2}-${String(seq).padStart(32, '0')}`;
}

async function local({ request, response, url, state }: Exchange): Promise<true> {
  const documents = state.checkpoints;
  if (request.method !== 'PUT') {
    const known = documents.get(url.pathname);
    return known === undefined ? sendJson(response, { error: 'not_found' }, 404) : sendJson(response, known);
  }
  documents.set(url.pathname, { ...(await readObject(request)), _rev: '0-1' });
  return sendJson(response, { ok: true, id: url.pathname, rev: '0-1' }, 201);
}

function changes({ response, url, state }: Exchange): true {
  const since = Number(url.searchParams.get('since') ?? 0);
  const entries = state.feed(since, Number(url.searchParams.get('limit') ?? 100));
  const results = entries.map(({ seq, key, text }) => {
    const deleted = text === null ? { deleted: true } : {};
    return { seq: seq + 1, id: key, changes: [{ rev: revOf(seq, state.lines.count) }], ...deleted };
  });
  return sendJson(response, { results, last_seq: since + entries.length, pending: 0 });
}

async function bulkGet({ request, response, state }: Exchange): Promise<true> {
  const { docs } = await readObject(request);
  const { count } = state.lines;
  const results = listOf(docs).map(({ id, rev }) => {
    const seq = Number(String(rev).slice(2));
    const [entry] = state.feed(seq, 1);
    const [depth = '', hash = ''] = String(rev).split('-');
    const ids = Number(depth) === 2 ? [hash, String(Number(String(id).slice(1))).padStart(32, '0')] : [hash];
    const _revisions = { start: Number(depth), ids };
    const content: unknown = entry === undefined || entry.text === null ? { _deleted: true } : JSON.parse(entry.text);
    return {
      id,
      docs: [{ ok: { ...objectOf(content), id: undefined, _id: id, _rev: revOf(seq, count), _revisions } }],
    };
  });
  return sendJson(response, { results });
}

async function revsDiff({ request, response }: Exchange): Promise<true> {
  const asked = await readObject(request);
  return sendJson(response, Object.fromEntries(Object.entries(asked).map(([id, revs]) => [id, { missing: revs }])));
}

async function bulkDocs({ request, response, state }: Exchange): Promise<true> {
  const { docs } = await readObject(request);
  if (state.isHeld) return sendJson(response, {}, 503);
  state.uploads += 1;
  state.received += listOf(docs).length;
  const refused: unknown[] = [];
  for (const { _id, _rev, stock } of listOf(docs)) {
    const isRefused = state.faultOf(String(_id), Number(stock)) === 'refused';
    if (isRefused) refused.push({ id: _id, rev: _rev, error: 'forbidden', reason: 'Not so.' });
    else state.set(String(_id));
  }
  return sendJson(response, refused, 201);
}

/** As much of CouchDB as PouchDB's replication asks for. */
export const couchEndpoint: Endpoint = async (exchange) => {
  const { response, url, state } = exchange;
  const [, root, name = ''] = url.pathname.split('/');
  if (root !== 'couch') return false;
  switch (name) {
    case '':
      return sendJson(response, { db_name: 'couch', update_seq: state.seq, doc_count: state.lines.count });
    case '_local':
      return local(exchange);
    case '_changes':
      return changes(exchange);
    case '_bulk_get':
      return bulkGet(exchange);
    case '_revs_diff':
      return revsDiff(exchange);
    case '_bulk_docs':
      return bulkDocs(exchange);
    default:
      return false;
  }
};
