import { chunkBytes } from '../../../sw/protocol/file.ts';
import { parseRange } from '../../../sw/protocol/range.ts';
import type { Database } from '../database/database.ts';
import type { StoredFile } from './files.ts';

async function chunkOf(database: Database, { owner, hash }: StoredFile, position: number): Promise<Uint8Array> {
  const [row] = await database.query(
    'select bytes from sync_file_chunks where user_name = $1 and hash = $2 and position = $3',
    [owner, hash, position],
  );
  const bytes = row?.['bytes'];
  if (!(bytes instanceof Uint8Array)) throw new Error('A chunk of a content is missing.');
  return bytes;
}

/** The content, or the range that the request asks for, one chunk at a time. */
export function fileResponse(database: Database, file: StoredFile, request: Request, type: string): Response {
  const { size, hash } = file;
  const etag = `"${hash}"`;
  const headers = new Headers({
    'Content-Type': type,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    ETag: etag,
    // What a user stored must not run as a part of the app.
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'X-Content-Type-Options': 'nosniff',
  });
  if (request.headers.get('If-None-Match') === etag) return new Response(null, { status: 304, headers });
  const range = parseRange(request.headers.get('Range'), request.headers.get('If-Range'), { size, etag });
  if (range === 'unsatisfiable') {
    headers.set('Content-Range', `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  const { start, end } = range ?? { start: 0, end: size };
  headers.set('Content-Length', String(end - start));
  if (range !== null) headers.set('Content-Range', `bytes ${start}-${end - 1}/${size}`);
  let at = start;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (at >= end) {
          controller.close();
          return;
        }
        const position = Math.floor(at / chunkBytes);
        const chunk = await chunkOf(database, file, position);
        const from = at - position * chunkBytes;
        const piece = Uint8Array.from(chunk.subarray(from, from + end - at));
        at += piece.byteLength;
        controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(request.method === 'HEAD' ? null : body, { status: range === null ? 200 : 206, headers });
}
