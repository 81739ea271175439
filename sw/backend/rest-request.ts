import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../protocol/record.ts';
import type { BackendCall, BackendContext, BackendTable } from './backend.ts';
import { errorOf, isJson, notOurServer, unreachable } from './http.ts';

export interface RestRequest {
  readonly method: string;
  readonly url: string;
  /** Undefined: a request without a body. */
  readonly body?: Json | undefined;
  /** A body of bytes instead, whose `Content-Type` is among the headers. */
  readonly bytes?: Blob | ArrayBuffer;
  /** Larger bodies take their time: how much longer silence is borne, in milliseconds. */
  readonly patienceMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that the server's own program gave: no fault of the network, of a proxy, or of the server. */
export interface RestAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  /** Undefined where there was no JSON. */
  readonly json: Json | undefined;
  /** The body as JSON object, empty where it is none. */
  readonly problem: JsonObject;
  readonly bytes: number;
  /** The error that this answer is where it was not expected. */
  readonly error: () => Promise<SyncError>;
}

export interface RestClient {
  readonly context: BackendContext;
  /** Rejects with a `SyncError` if there was no answer, or one that says nothing about the request itself. */
  send(request: RestRequest, call: BackendCall): Promise<RestAnswer>;
  /** The answer with its body still to come, watched for silence; html is one only if the file is. */
  open(
    request: RestRequest & { readonly type: string },
    call: BackendCall,
  ): Promise<{ readonly response: Response; readonly body: AsyncIterable<Uint8Array> }>;
  /** The address of a table, or of a record in it. */
  urlOf(table: BackendTable, key?: string | number): string;
}

export interface RestClientOptions {
  readonly credentials: RequestCredentials;
  readonly stallMs: number;
}

// 407 is a proxy's; the others say that the same request may be taken later, or with other credentials.
const faultStatuses: ReadonlySet<number> = new Set([401, 408, 425, 429]);

function isElsewhere({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400) || status === 407;
}

function isHtml(response: Response): boolean {
  return /^(text\/html|application\/xhtml)/i.test(response.headers.get('Content-Type') ?? '');
}

/** What `JSON.parse` gives is JSON. */
function isParsed(value: unknown): value is Json {
  return value !== undefined;
}

function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isParsed(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function readText(response: Response, touch: () => void): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    touch();
    text += decoder.decode(value, { stream: true });
  }
}

interface Silence {
  readonly signal: AbortSignal;
  readonly touch: () => void;
  readonly end: () => void;
}

/** Aborts when nothing has come for a while, or when the caller's signal says so. */
function watchSilence(signal: AbortSignal, stallMs: number): Silence {
  const silence = new AbortController();
  const abort = (): void => silence.abort(signal.reason);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new DOMException('The server fell silent.', 'TimeoutError')), stallMs);
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  touch();
  const end = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return { signal: silence.signal, touch, end };
}

/** A body whose silence, or end before its time, is a network fault. */
async function* watched(response: Response, silence: Silence): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      silence.touch();
      yield read.value;
    }
  } catch (error) {
    throw unreachable(silence.signal.aborted ? silence.signal.reason : error, response.url);
  } finally {
    silence.end();
    await reader?.cancel().catch(() => undefined);
  }
}

export function restClient(context: BackendContext, { credentials, stallMs }: RestClientOptions): RestClient {
  const ownOrigin = new URL(context.origin).origin;

  /** The server's own program's answer, whatever it is. */
  async function respond(request: RestRequest, call: BackendCall, signal: AbortSignal): Promise<Response> {
    const { method, url, body, bytes, headers } = request;
    const response = await context.fetch(url, {
      method,
      signal,
      credentials,
      // What the browser has in its cache is not what the server has now.
      cache: 'no-store',
      // A redirect leads to a login page; followed, its 200 would look like an answer (U-11).
      redirect: 'manual',
      headers: {
        ...call.headers,
        Accept: 'application/json',
        // Another origin would have to allow it, and an unmodified server does not.
        ...(call.user !== '' && new URL(url).origin === ownOrigin
          ? { 'Sync-Expect-User': encodeURIComponent(call.user) }
          : {}),
        ...(body === undefined
          ? {}
          : { 'Content-Type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(bytes === undefined ? {} : { body: bytes }),
    });
    const { status } = response;
    if (isElsewhere(response)) throw notOurServer(response, 'an answer of the API');
    if (faultStatuses.has(status) || status >= 500) throw await errorOf(response, context.now());
    const user = response.headers.get('Sync-User');
    if (call.user !== '' && user !== null && user !== encodeURIComponent(call.user)) {
      throw new SyncError('user-mismatch', 'The server answered for another user. Nothing was stored; sign in again.');
    }
    return response;
  }

  async function exchange(
    request: RestRequest,
    call: BackendCall,
    signal: AbortSignal,
    touch: () => void,
  ): Promise<RestAnswer> {
    const { method } = request;
    const response = await respond(request, call, signal);
    const { status, ok } = response;
    // A front server refuses what is too large by a page of its own; that is no network's login page.
    if (isHtml(response) && status !== 413) throw notOurServer(response, 'JSON');
    const text = method === 'HEAD' ? '' : await readText(response, touch);
    const json = isJson(response) ? parse(text) : undefined;
    if (ok && text !== '' && json === undefined) throw notOurServer(response, 'JSON');
    const problem = isJsonObject(json) ? json : {};
    const error = (): Promise<SyncError> => errorOf(new Response(text, response), context.now());
    const { code } = problem;
    if (!ok && (code === 'user-mismatch' || code === 'protocol-version')) throw await error();
    return { status, ok, headers: response.headers, json, problem, bytes: text.length, error };
  }

  return {
    context,
    urlOf: ({ path }, key) => {
      const base = new URL(path, context.origin).href.replace(/\/$/, '');
      return key === undefined ? base : `${base}/${encodeURIComponent(key)}`;
    },
    send: async (request, call) => {
      const silence = watchSilence(call.signal, stallMs + (request.patienceMs ?? 0));
      try {
        return await exchange(request, call, silence.signal, silence.touch);
      } catch (error) {
        throw unreachable(silence.signal.aborted ? silence.signal.reason : error, request.url);
      } finally {
        silence.end();
      }
    },
    open: async ({ type, ...request }, call) => {
      const silence = watchSilence(call.signal, stallMs);
      try {
        const response = await respond(request, call, silence.signal);
        if (response.ok && isHtml(response) && !/html/i.test(type)) throw notOurServer(response, type);
        if (!response.ok) {
          silence.end();
          await response.body?.cancel();
        }
        return { response, body: watched(response, silence) };
      } catch (error) {
        silence.end();
        throw unreachable(silence.signal.aborted ? silence.signal.reason : error, request.url);
      }
    },
  };
}
