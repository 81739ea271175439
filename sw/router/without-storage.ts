import { SyncError } from '../protocol/errors.ts';

/**
 * Answers a request for a declared path where the browser gives no database at all: the network alone, as if there were no
 * worker. Nothing is kept, and what is said to be done was done by the server.
 */
export async function answerOnline(
  fetch: (request: Request) => Promise<Response>,
  request: Request,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    throw new SyncError(
      'online-only',
      'This browser gives the app no database here, and the network cannot be asked just now. Nothing was stored; try again.',
      { cause: error, retryable: true },
    );
  }
  const headers = new Headers(response.headers);
  headers.set('Sync-Source', 'network');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
