import { listOf, objectOf, readObject, sendJson, type Endpoint } from './http.ts';

/** What RxDB's replication pulls from and pushes to, in batches of its own size. */
export const rxEndpoint: Endpoint = async ({ request, response, url, state }) => {
  if (url.pathname === '/rx/pull') {
    const after = Number(url.searchParams.get('after'));
    const limit = Number(url.searchParams.get('limit'));
    const entries = state.feed(after, limit);
    const documents = entries.map(({ key, text }) =>
      text === null ? `{"id":"${key}","_deleted":true}` : `${text.slice(0, -1)},"_deleted":false}`,
    );
    return sendJson(response, `{"documents":[${documents.join(',')}],"checkpoint":{"at":${after + entries.length}}}`);
  }
  if (url.pathname !== '/rx/push') return false;
  const { rows } = await readObject(request);
  if (state.isHeld) return sendJson(response, {}, 503);
  state.uploads += 1;
  state.received += listOf(rows).length;
  const pushed = listOf(rows).map((row) => objectOf(row['newDocumentState']));
  if (pushed.some(({ id, stock }) => state.faultOf(String(id), Number(stock)) === 'refused')) {
    return sendJson(response, { title: 'Not so.' }, 422);
  }
  for (const { id } of pushed) state.set(String(id));
  return sendJson(response, []);
};
