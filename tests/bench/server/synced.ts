import { readObject, sendJson, textOf, type Endpoint } from './http.ts';

/** What synceddb fetches pages from and pushes single changes to. A version of −1 is a deletion. */
export const syncedEndpoint: Endpoint = async ({ request, response, url, state }) => {
  if (!url.pathname.startsWith('/synced/items')) return false;
  if (request.method === 'GET') {
    const after = Number(url.searchParams.get('after') ?? -1) + 1;
    const entries = state.feed(after, Number(url.searchParams.get('size')));
    const data = entries.map(({ seq, key, text }) =>
      text === null ? `{"id":"${key}","version":-1,"seq":${seq}}` : `${text.slice(0, -1)},"version":1,"seq":${seq}}`,
    );
    return sendJson(response, `{"data":[${data.join(',')}],"hasMore":${after + entries.length < state.seq}}`);
  }
  const body = await readObject(request);
  if (state.isHeld) return sendJson(response, {}, 503);
  state.uploads += 1;
  state.received += 1;
  state.apply(textOf(body['id']));
  return sendJson(response, {}, 201);
};
