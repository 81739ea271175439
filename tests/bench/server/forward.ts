import { readBytes, type Endpoint } from './http.ts';

const ana = { Authorization: 'Bearer ana-demo', 'Accept-Encoding': 'identity' };
const handedOn = ['content-type', 'content-range', 'range'];

/** Hands the batch protocol on to the demo's server, if a workload started one. While held, it cannot be reached. */
export const forwardEndpoint: Endpoint = async ({ request, response, url, state }) => {
  if (state.demoUrl === null || !url.pathname.startsWith('/sync/')) return false;
  const body = await readBytes(request);
  if (state.isHeld) {
    response.writeHead(503, { 'Sync-Protocol': '1', 'Retry-After': '3600' }).end();
    return true;
  }
  const method = request.method ?? 'GET';
  const headers = handedOn.flatMap((name) => {
    const value = request.headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  const answer = await fetch(new URL(url.pathname, state.demoUrl), {
    method,
    headers: { ...ana, ...Object.fromEntries(headers), 'Sync-Protocol': '1', 'Sync-Expect-User': 'ana' },
    ...(method === 'GET' ? {} : { body }),
  });
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
  return true;
};
