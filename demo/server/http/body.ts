import type { Json } from '../../../sw/protocol/record.ts';
import { ProblemError } from './problem.ts';

/**
 * The JSON of a request. The limit holds for what arrives, not only for what the headers promise; nothing beyond it is
 * kept.
 */
export async function readJson(request: Request, limitBytes: number): Promise<Json> {
  const tooLarge = (): ProblemError =>
    new ProblemError(413, 'too-large', `The body is larger than ${limitBytes} bytes.`, { limit: limitBytes });
  if (Number(request.headers.get('Content-Length') ?? 0) > limitBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (request.body !== null) {
    for await (const chunk of request.body) {
      length += chunk.byteLength;
      if (length > limitBytes) throw tooLarge();
      chunks.push(chunk);
    }
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    return parseJson(text);
  } catch {
    throw new ProblemError(400, 'invalid-body', 'The body is not JSON in UTF-8.');
  }
}

function parseJson(text: string): Json {
  // JSON.parse gives nothing else, and `__proto__` as an own property like any other.
  const parsed: Json = JSON.parse(text);
  return parsed;
}
