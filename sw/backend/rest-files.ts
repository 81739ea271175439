import { SyncError } from '../protocol/errors.ts';
import { chunkBytes, chunkCount } from '../protocol/file.ts';
import type { ContentSource, FileOfRecord, FileTransfer } from './backend.ts';
import { contentRange, startOfAnswer } from './batch-files.ts';
import type { RestAnswer, RestClient, RestRequest } from './rest-request.ts';

export interface RestFileOptions {
  readonly fileUpload: 'whole' | 'chunks';
}

/** What the slowest connection that is waited for carries. */
const leastBytesInMs = 16;

function countIn(headers: Headers, name: string): number | null {
  const text = headers.get(name);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

async function checkSent(answer: RestAnswer): Promise<void> {
  if (answer.status === 413) {
    throw new SyncError('too-large', 'The server takes no file of this size.', { details: { status: 413 } });
  }
  if (!answer.ok) throw await answer.error();
}

/** Built piece by piece: the browser keeps a blob's bytes outside the worker, on disk if they are many. */
async function blobOf(source: ContentSource, { size, type }: FileOfRecord): Promise<Blob> {
  let blob = new Blob([], { type });
  for (let index = 0; index < chunkCount(size); index += 1) {
    blob = new Blob([blob, await source.chunk(index)], { type });
  }
  return blob;
}

/**
 * Contents at their records' addresses, `<path>/<key>/<field>`. A server that gives a content's hash as its `ETag` is not sent it
 * again.
 */
export function restFiles(client: RestClient, options: RestFileOptions): FileTransfer {
  const urlOf = ({ table, key }: FileOfRecord): string => {
    const declared = client.context.tables.get(table);
    if (declared === undefined) throw new SyncError('unknown-table', `There is no table ${table}.`);
    return `${client.urlOf(declared, key)}/${declared.file?.field ?? 'content'}`;
  };

  /** Another origin would have to allow it, and an unmodified server does not. */
  const hashOf = (file: FileOfRecord): Record<string, string> => {
    const isOwn = new URL(urlOf(file)).origin === new URL(client.context.origin).origin;
    return isOwn ? { 'Upload-Hash': file.hash } : {};
  };

  const typeOf = ({ type }: FileOfRecord): string => (type === '' ? 'application/octet-stream' : type);

  return {
    received: async (files, call) => {
      const received: number[] = [];
      for (const file of files) {
        const request = { method: 'HEAD', url: urlOf(file), headers: hashOf(file) };
        const answer = await client.send(request, call);
        const isThere = answer.ok && answer.headers.get('ETag')?.replace(/^W\//, '') === `"${file.hash}"`;
        const offset = options.fileUpload === 'chunks' ? countIn(answer.headers, 'Upload-Offset') : null;
        received.push(isThere ? file.size : Math.min(offset ?? 0, Math.max(0, file.size - 1)));
      }
      return received;
    },

    send: async (file, source, { from, onSent, call }) => {
      const { size } = file;
      const put = (more: Pick<RestRequest, 'bytes' | 'patienceMs'> & { headers: Record<string, string> }) =>
        client.send({ method: 'PUT', url: urlOf(file), ...more }, call);
      if (options.fileUpload === 'whole') {
        const bytes = await blobOf(source, file);
        // Without an idempotency key: a repeat overwrites itself, and the file may become again what it was.
        const headers = { 'Content-Type': typeOf(file), ...hashOf(file) };
        await checkSent(await put({ bytes, patienceMs: size / leastBytesInMs, headers }));
        onSent(size);
        return;
      }
      let at = Math.floor(from / chunkBytes) * chunkBytes;
      for (let turns = 2 * chunkCount(size) + 2; turns > 0; turns -= 1) {
        const bytes = size === 0 ? new ArrayBuffer(0) : await source.chunk(at / chunkBytes);
        const range = contentRange(at, bytes.byteLength, size);
        const headers = { 'Content-Type': typeOf(file), 'Content-Range': range, ...hashOf(file) };
        const answer = await put({ bytes, patienceMs: chunkBytes / leastBytesInMs, headers });
        const offset = countIn(answer.headers, 'Upload-Offset');
        // 409: the server has another part of it than it had said.
        if (answer.status !== 409 || offset === null) await checkSent(answer);
        const received = offset ?? Math.min(at + bytes.byteLength, size);
        onSent(received);
        if (received === size && answer.ok) return;
        at = Math.floor(received / chunkBytes) * chunkBytes;
      }
      throw new SyncError('server', 'The server does not keep the chunks of this file.', { retryable: true });
    },

    fetch: async (file, from, call) => {
      const headers: Record<string, string> =
        from === 0 ? {} : { Range: `bytes=${from}-`, 'If-Range': `"${file.hash}"` };
      const { response, body } = await client.open({ method: 'GET', url: urlOf(file), headers, type: file.type }, call);
      const start = startOfAnswer(response);
      return start === null ? null : { from: start, body };
    },
  };
}
