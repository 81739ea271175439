import type { ServerResponse } from 'node:http';
import { readObject, sendJson, type Endpoint } from './http.ts';
import type { BenchState } from './state.ts';

/** One change as a plain REST server takes it, faults included. @returns whether it was answered */
function take(state: BenchState, record: Record<string, unknown>, response: ServerResponse): boolean {
  const key = String(record['id']);
  switch (state.faultOf(key, Number(record['stock']))) {
    case 'fails-once':
      sendJson(response, {}, 500);
      return true;
    case 'refused':
      sendJson(response, { title: 'Not so.' }, 422);
      return true;
    case 'applied-then-dropped-once':
      state.apply(key);
      response.destroy();
      return true;
    case null:
      state.apply(key);
      return false;
  }
}

/**
 * What peers without a protocol of their own speak to: all records as NDJSON, one change a request at `/rest/items`
 * (idempotent for those that send a key).
 */
export const plainEndpoint: Endpoint = async ({ request, response, url, state }) => {
  if (url.pathname.endsWith('/asset')) return sendJson(response, '{}');
  if (url.pathname === '/rows') {
    const { bytes } = state.lines;
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Content-Length': bytes.length }).end(bytes);
    return true;
  }
  if (!url.pathname.startsWith('/rest/items')) return false;
  const body = await readObject(request);
  if (state.isHeld) {
    response.writeHead(503, { 'Retry-After': '3600' }).end();
    return true;
  }
  if (request.method === 'GET') return sendJson(response, '[]');
  state.uploads += 1;
  state.received += 1;
  const idempotencyKey = request.headers['idempotency-key'];
  if (typeof idempotencyKey === 'string') {
    const { answered } = state;
    if (answered.has(idempotencyKey)) return sendJson(response, body, 201);
    const before = state.effects.get(String(body['id'])) ?? 0;
    const isAnswered = take(state, body, response);
    if ((state.effects.get(String(body['id'])) ?? 0) > before) answered.add(idempotencyKey);
    if (isAnswered) return true;
  } else if (take(state, body, response)) return true;
  return sendJson(response, body, 201);
};
