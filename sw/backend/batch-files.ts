import { SyncError } from '../protocol/errors.ts';
import { chunkBytes, chunkCount } from '../protocol/file.ts';
import { isJsonObject, type JsonObject } from '../protocol/record.ts';
import { type FilesRequest, protocolVersion } from '../protocol/wire.ts';
import type { BackendCall, FileTransfer } from './backend.ts';

export interface BatchRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly body?: string | ArrayBuffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface BatchClient {
  /** Rejects unless the answer is one of the batch protocol, with a 2xx status. */
  json(request: BatchRequest, call: BackendCall): Promise<JsonObject>;
  /** The body as it comes, watched for silence; null for a 404. */
  stream(
    request: BatchRequest,
    call: BackendCall,
  ): Promise<{ readonly response: Response; readonly body: AsyncIterable<Uint8Array> } | null>;
}

function receivedIn(answer: JsonObject, hash: string): number | null {
  const { files } = answer;
  const list: readonly unknown[] = Array.isArray(files) ? files : [];
  const found = list.find((file) => isJsonObject(file) && file['hash'] === hash);
  const received = isJsonObject(found) ? found['received'] : undefined;
  return typeof received === 'number' && Number.isSafeInteger(received) && received >= 0 ? received : null;
}

function wrong(): SyncError {
  const text = 'The server’s answer about a file is not one of the batch protocol. It will be sent again.';
  return new SyncError('not-our-server', text, { retryable: true });
}

export function contentRange(from: number, bytes: number, size: number): string {
  return size === 0 ? 'bytes */0' : `bytes ${from}-${from + bytes - 1}/${size}`;
}

/** Where an answer to a range request begins; 0 for the whole. Null: it cannot be used. */
export function startOfAnswer(response: Response): number | null {
  if (response.status === 200) return 0;
  const match = /^bytes (\d{1,15})-/.exec(response.headers.get('Content-Range') ?? '');
  return response.status === 206 && match !== null ? Number(match[1]) : null;
}

/** Contents by their hash: asked for first, sent chunk by chunk, each acknowledged. */
export function batchFiles(client: BatchClient): FileTransfer {
  return {
    received: async (files, call) => {
      const hashes = [...new Set(files.map(({ hash }) => hash))];
      const request: FilesRequest = { protocol: protocolVersion, hashes };
      const body = JSON.stringify(request);
      const answer = await client.json({ method: 'POST', path: '/files', body }, call);
      return files.map(({ hash }) => {
        const received = receivedIn(answer, hash);
        if (received === null) throw wrong();
        return received;
      });
    },

    send: async ({ hash, size }, source, { from, onSent, call }) => {
      // A chunk is sent whole, also when a part of it has arrived.
      let at = Math.floor(from / chunkBytes) * chunkBytes;
      // Each chunk once, and as often again as the server turns out to have forgotten some.
      for (let turns = 2 * chunkCount(size) + 2; turns > 0; turns -= 1) {
        const bytes = size === 0 ? new ArrayBuffer(0) : await source.chunk(at / chunkBytes);
        const headers = {
          'Content-Type': 'application/octet-stream',
          'Content-Range': contentRange(at, bytes.byteLength, size),
        };
        const answer = await client.json({ method: 'PUT', path: `/files/${hash}`, body: bytes, headers }, call);
        const received = receivedIn(answer, hash);
        if (received === null || received > size) throw wrong();
        onSent(received);
        if (received === size) return;
        at = Math.floor(received / chunkBytes) * chunkBytes;
      }
      throw wrong();
    },

    fetch: async ({ hash }, from, call) => {
      const headers: Record<string, string> = from === 0 ? {} : { Range: `bytes=${from}-` };
      const answer = await client.stream({ method: 'GET', path: `/files/${hash}`, headers }, call);
      if (answer === null) return null;
      const start = startOfAnswer(answer.response);
      if (start === null) throw wrong();
      return { from: start, body: answer.body };
    },
  };
}
