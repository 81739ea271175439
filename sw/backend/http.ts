import { AuthRequiredError, SyncError, VersionError } from '../protocol/errors.ts';
import { isJsonObject } from '../protocol/record.ts';

/** A server's word on when to come again is honoured up to this. */
const longestRetryAfterMs = 60 * 60 * 1000;

/** Reads `Retry-After` in both its forms; null if there is none, or none that makes sense. RFC 9110, 10.2.3. */
function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const delay = /^\d+$/.test(text) ? Number(text) * 1000 : /[a-z]/i.test(text) ? Date.parse(text) - now : Number.NaN;
  if (Number.isNaN(delay)) return null;
  return Math.min(Math.max(delay, 0), longestRetryAfterMs);
}

/** A request that got no answer. */
export function unreachable(error: unknown, url: string): SyncError {
  if (error instanceof SyncError) return error;
  return new SyncError('network', `No answer from ${url}. What is unsent is kept and will be sent again.`, {
    cause: error,
    retryable: true,
    details: { url },
  });
}

/** An answer that cannot be from our server: a login page, a proxy's word (U-11). Nothing of it is believed. */
export function notOurServer(response: Response, what: string): SyncError {
  const type = response.headers.get('Content-Type') ?? 'no content type';
  return new SyncError(
    'not-our-server',
    `${response.url} answered ${response.status} with ${type}, where ${what} was due. Perhaps a network wants you to sign in. What is unsent is kept.`,
    { retryable: true, details: { url: response.url, status: response.status, contentType: type } },
  );
}

export function isJson(response: Response): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(response.headers.get('Content-Type') ?? '');
}

/** The problem+json body's code and detail, if there is one. */
async function readProblem(response: Response): Promise<{ readonly code: string; readonly detail: string }> {
  const none = { code: '', detail: '' };
  if (!isJson(response)) return none;
  try {
    const body: unknown = await response.json();
    if (!isJsonObject(body)) return none;
    const { code, detail, title } = body;
    return {
      code: typeof code === 'string' ? code : '',
      detail: typeof detail === 'string' ? detail : typeof title === 'string' ? title : '',
    };
  } catch {
    return none;
  }
}

/** The error for an answer that is no success. The body is read. */
export async function errorOf(response: Response, now: number): Promise<SyncError> {
  const { status } = response;
  const { code, detail } = await readProblem(response);
  const retryAfter = retryAfterMs(response.headers.get('Retry-After'), now);
  const details = {
    url: response.url,
    status,
    serverCode: code,
    ...(retryAfter === null ? {} : { retryAfterMs: retryAfter }),
  };
  const said = detail === '' ? '' : ` It said: ${detail}`;
  if (status === 401) {
    return new AuthRequiredError(`The server wants credentials.${said} Sign in again; what is unsent is kept.`, {
      details,
    });
  }
  if (code === 'user-mismatch') {
    return new SyncError(
      'user-mismatch',
      `The server knows these credentials as another user. Nothing was sent or stored; sign in again.${said}`,
      { details },
    );
  }
  if (code === 'protocol-version') {
    return new VersionError(`The server speaks another version of the protocol.${said} Update the app or the server.`, {
      details,
    });
  }
  if (code === 'unknown-table') {
    return new VersionError(`The server lacks a table that this app declares.${said} Update the app or the server.`, {
      details,
    });
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new SyncError('server', `The server answered ${status}.${said} It will be tried again.`, {
      retryable: true,
      details,
    });
  }
  if (!isJson(response)) return notOurServer(response, 'JSON');
  return new SyncError('server', `The server refused the request with ${status}.${said}`, { details });
}
