import { SyncError } from '../protocol/errors.ts';
import type { Json } from '../protocol/record.ts';
import type { BackendCall } from './backend.ts';
import { notOurServer } from './http.ts';
import type { RestClient } from './rest-request.ts';

export interface WhoAmI {
  /** A path of this origin, or an absolute URL. */
  readonly url: string;
  /** The user that the answer names, or null for nobody. */
  readonly userOf: (answer: Json) => string | null;
}

/**
 * A client that asks the server once for each call whom it takes the credentials for, before the call's first request
 * goes out (invariant 12). What it could not find out it does not send.
 */
export function askingWho(client: RestClient, { url, userOf }: WhoAmI): RestClient {
  // A call is one batch, one download, one read: its credentials are made for it, and are the same for all of its requests.
  const asked = new WeakMap<BackendCall, Promise<void>>();

  const ask = async (call: BackendCall): Promise<void> => {
    const { context } = client;
    const answer = await client.send({ method: 'GET', url: new URL(url, context.origin).href }, call);
    if (!answer.ok) throw await answer.error();
    if (answer.json === undefined) throw notOurServer(new Response(null, { headers: answer.headers }), 'JSON');
    const user = userOf(answer.json);
    if (user !== call.user) {
      throw new SyncError(
        'user-mismatch',
        'The server knows these credentials as another user. Nothing was sent or stored; sign in again.',
      );
    }
  };

  const known = (call: BackendCall): Promise<void> => {
    if (call.user === '') return Promise.resolve();
    const before = asked.get(call);
    if (before !== undefined) return before;
    const asking = ask(call);
    asked.set(call, asking);
    return asking;
  };

  return {
    context: client.context,
    urlOf: (table, key) => client.urlOf(table, key),
    send: async (request, call) => {
      await known(call);
      return client.send(request, call);
    },
    open: async (request, call) => {
      await known(call);
      return client.open(request, call);
    },
  };
}
