import type { BackendConnection } from '../../sw/backend/backend.ts';
import { restBackend, type RestBackendOptions } from '../../sw/backend/rest-backend.ts';
import type { Json } from '../../sw/protocol/record.ts';
import { contextAt } from './backend-fixture.ts';
import { asJson, asObject } from './server-fixture.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Json;
}

export type Answer = (sent: Sent) => Response | Promise<Response>;

/** A backend whose server answers as the test says, and what it was asked. */
export function serverThat(
  answer: Answer,
  options: RestBackendOptions = {},
): { readonly connection: BackendConnection; readonly asked: Sent[] } {
  const asked: Sent[] = [];
  const context = contextAt('https://app.example', async (input, init) => {
    const { pathname, search } = new URL(input);
    const { method = 'GET', body } = init ?? {};
    const sent: Sent = {
      method,
      path: `${pathname}${search}`,
      headers: new Headers(init?.headers),
      body: typeof body === 'string' ? asJson(body) : null,
    };
    asked.push(sent);
    const response = await answer(sent);
    init?.signal?.throwIfAborted();
    return response;
  });
  // Of tables whose keys the server makes, none can be put under a key of the client's own.
  const tables = [...context.tables].filter(([, table]) => options.idempotency !== 'client-keys' || !table.serverKeys);
  return { connection: restBackend(options).connect({ ...context, tables: new Map(tables) }), asked };
}

export function json(body: Json, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

export const echo: Answer = ({ body }) => json(asObject(body), 200, { ETag: '"2"' });
