import { ConfigurationError, SyncError } from '../protocol/errors.ts';
import { isJsonObject, type JsonObject, type MutationId, type RecordKey } from '../protocol/record.ts';
import { protocolVersion, type Outcome, type SettleResponse } from '../protocol/wire.ts';
import type {
  Backend,
  BackendCall,
  BackendConnection,
  BackendContext,
  ReadRecord,
  UploadContent,
  UploadReply,
} from './backend.ts';
import { batchFiles, type BatchRequest } from './batch-files.ts';
import { sendDivided } from './divide-upload.ts';
import { readDownload } from './download-stream.ts';
import { errorOf, isJson, notOurServer, unreachable } from './http.ts';
import { isOutcome, isReadRecord } from './outcome-guard.ts';
import { stallGuard, type StallGuard } from './stall-guard.ts';

export interface BatchBackendOptions {
  /** Where the batch protocol is served: a path of this origin, or an absolute URL. @default '/sync' */
  readonly url?: string;
  /** Whether the server has `GET …/live`. @default true */
  readonly live?: boolean;
  /**
   * How long to wait for the first byte of an answer, and between two of them, in milliseconds. What is sent is given more, by its size.
   * @default 30000
   */
  readonly stallMs?: number;
}

/**
 * The fast backend: uploads in batches, streams downloads, asks for single records and for outcomes. The server must speak
 * the batch protocol; the demo's server is the reference.
 *
 * @example
 * startSync({ name: 'rounds', version: 1, tables, backend: batchBackend({ url: '/sync' }) });
 */
export function batchBackend(options: BatchBackendOptions = {}): Backend {
  const { url = '/sync', live = true, stallMs = 30_000 } = options;
  if (typeof url !== 'string' || !/^(\/|https?:\/\/)/.test(url)) {
    throw new ConfigurationError('batchBackend: url must start with / or be an absolute http(s) URL.', {
      details: { option: 'backend.url' },
    });
  }
  return {
    connect: (context) => connect(context, new URL(url, context.origin).href.replace(/\/$/, ''), live, stallMs),
  };
}

/** A body whose silence, or end before its time, is a network fault. */
async function* watched(response: Response, guard: StallGuard): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      guard.touch();
      yield read.value;
    }
  } catch (error) {
    throw unreachable(guard.signal.aborted ? guard.signal.reason : error, response.url);
  } finally {
    guard.end();
    await reader?.cancel().catch(() => undefined);
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body) text += decoder.decode(part, { stream: true });
  return text + decoder.decode();
}

function sizeOf(body: BatchRequest['body']): number {
  if (body === undefined) return 0;
  return typeof body === 'string' ? body.length : body.byteLength;
}

function connect(context: BackendContext, base: string, live: boolean, stallMs: number): BackendConnection {
  const exchange = async (
    { method, path, body, headers }: BatchRequest,
    call: BackendCall,
    signal: AbortSignal,
  ): Promise<Response> => {
    let response: Response;
    try {
      response = await context.fetch(`${base}${path}`, {
        method,
        ...(body === undefined ? {} : { body }),
        signal,
        credentials: 'include',
        // A redirect leads to a login page; followed, its 200 would look like an answer (U-11).
        redirect: 'manual',
        headers: {
          ...call.headers,
          'Content-Type': 'application/json',
          'Sync-Protocol': String(protocolVersion),
          'Sync-Expect-User': encodeURIComponent(call.user),
          ...headers,
        },
      });
    } catch (error) {
      throw unreachable(signal.aborted ? signal.reason : error, `${base}${path}`);
    }
    if (response.type === 'opaqueredirect') throw notOurServer(response, 'an answer of the batch protocol');
    if (!response.ok) throw await errorOf(response, context.now());
    if (response.headers.get('Sync-Protocol') !== String(protocolVersion)) {
      throw notOurServer(response, 'an answer of the batch protocol');
    }
    const user = response.headers.get('Sync-User');
    if (user === null || decodeURIComponent(user) !== call.user) {
      throw new SyncError('user-mismatch', 'The server answered for another user. Nothing was stored; sign in again.');
    }
    return response;
  };

  const post = (path: string, body: string, call: BackendCall, signal: AbortSignal): Promise<Response> =>
    exchange({ method: 'POST', path, body }, call, signal);

  const ask = async (asked: BatchRequest, call: BackendCall): Promise<{ json: JsonObject; bytes: number }> => {
    const guard = stallGuard(call.signal, stallMs, sizeOf(asked.body));
    const { path } = asked;
    try {
      const response = await exchange(asked, call, guard.signal);
      if (!isJson(response)) throw notOurServer(response, 'JSON');
      const text = await textOf(watched(response, guard));
      const json: unknown = JSON.parse(text);
      if (!isJsonObject(json)) throw notOurServer(response, 'a JSON object');
      return { json, bytes: text.length };
    } catch (error) {
      throw unreachable(guard.signal.aborted ? guard.signal.reason : error, `${base}${path}`);
    } finally {
      guard.end();
    }
  };

  const files = batchFiles({
    json: async (asked, call) => (await ask(asked, call)).json,
    stream: async (asked, call) => {
      const guard = stallGuard(call.signal, stallMs);
      try {
        const response = await exchange(asked, call, guard.signal);
        return { response, body: watched(response, guard) };
      } catch (error) {
        guard.end();
        if (error instanceof SyncError && error.details['serverCode'] === 'not-found') return null;
        throw unreachable(guard.signal.aborted ? guard.signal.reason : error, `${base}${asked.path}`);
      }
    },
  });

  const wrong = (path: string): SyncError =>
    new SyncError('not-our-server', `${base}${path} answered something else than the batch protocol says.`, {
      retryable: true,
    });

  const upload = async (body: string, call: BackendCall): Promise<UploadReply> => {
    const { json, bytes } = await ask({ method: 'POST', path: '/upload', body }, call);
    const { outcomes, serverEpoch } = json;
    if (!Array.isArray(outcomes) || !outcomes.every(isOutcome) || typeof serverEpoch !== 'string')
      throw wrong('/upload');
    const known: readonly Outcome[] = outcomes;
    return { outcomes: known, serverEpoch, fault: null, bytesSent: body.length, bytesReceived: bytes };
  };

  const bearing = { characters: Infinity, givenUp: new Set<MutationId>() };

  return {
    files,
    idempotent: true,
    atomicGroups: true,
    needsUser: true,
    liveUrl: live ? `${base}/live` : null,

    encodeUpload: ({ device, run, onConflict, group, changes }: UploadContent) => {
      const content = { device, run, onConflict, group };
      const frame = JSON.stringify({ protocol: protocolVersion, schema: context.schema, ...content });
      return `${frame.slice(0, -1)},"changes":[${changes.join(',')}]}`;
    },

    upload: (body, call) =>
      sendDivided(body, { bearing, failedBefore: call.failedBefore === true, send: (text) => upload(text, call) }),

    download: async function* (tables, call) {
      const request = {
        protocol: protocolVersion,
        schema: context.schema,
        tables: tables.map(({ resume, ...table }) => (resume === null ? table : { ...table, resume })),
      };
      const guard = stallGuard(call.signal, stallMs);
      try {
        const response = await post('/download', JSON.stringify(request), call, guard.signal);
        const type = response.headers.get('Content-Type') ?? '';
        if (!type.startsWith('application/x-ndjson') || response.body === null)
          throw notOurServer(response, 'a download');
        for await (const piece of readDownload(response.body, guard.touch)) {
          yield piece;
          // What the piece took here is no silence of the server's.
          guard.touch();
        }
      } catch (error) {
        throw guard.signal.aborted ? unreachable(guard.signal.reason, `${base}/download`) : error;
      } finally {
        guard.end();
      }
    },

    read: async (table, keys: readonly RecordKey[], call): Promise<readonly ReadRecord[]> => {
      const body = JSON.stringify({ protocol: protocolVersion, tables: [{ table, keys }] });
      const { json } = await ask({ method: 'POST', path: '/read', body }, call);
      const { tables } = json;
      const first: unknown = Array.isArray(tables) ? tables[0] : undefined;
      const records: unknown = isJsonObject(first) ? first['records'] : undefined;
      if (!Array.isArray(records) || !records.every(isReadRecord)) throw wrong('/read');
      return records;
    },

    settle: async (mutationIds: readonly MutationId[], fence, call): Promise<SettleResponse['outcomes']> => {
      const body = JSON.stringify({ protocol: protocolVersion, mutationIds, fence });
      const { json } = await ask({ method: 'POST', path: '/settle', body }, call);
      const { outcomes } = json;
      const isSettled = (value: unknown): value is SettleResponse['outcomes'][number] =>
        isOutcome(value) ||
        (isJsonObject(value) && value['type'] === 'unknown' && typeof value['mutationId'] === 'string');
      if (!Array.isArray(outcomes) || !outcomes.every(isSettled)) throw wrong('/settle');
      return outcomes;
    },

    reportFailures: async (failures, call) => {
      const guard = stallGuard(call.signal, stallMs);
      try {
        await post('/failures', JSON.stringify({ protocol: protocolVersion, failures }), call, guard.signal);
      } finally {
        guard.end();
      }
    },

    ping: async (call) => {
      const guard = stallGuard(call.signal, stallMs);
      try {
        const response = await context.fetch(`${base}/ping`, {
          method: 'HEAD',
          signal: guard.signal,
          credentials: 'include',
          redirect: 'manual',
          headers: { ...call.headers },
        });
        if (response.headers.get('Sync-Protocol') === null)
          throw notOurServer(response, 'an answer of the batch protocol');
      } catch (error) {
        throw unreachable(error, `${base}/ping`);
      } finally {
        guard.end();
      }
    },
  };
}
