import type { Json } from '../../../sw/protocol/record.ts';
import { parseJson } from '../schema/record-text.ts';
import { ProblemError } from './problem.ts';

/**
 * The JSON of a request. The limit holds for what arrives, not only for what the headers promise; nothing beyond it is
 * kept.
 */
export async function readJson(request: Request, limitBytes: number): Promise<Json> {
  const bytes = await readBytes(request, limitBytes);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return parseJson(text);
  } catch {
    throw new ProblemError(400, 'invalid-body', 'The body is not JSON in UTF-8.');
  }
}

export async function readBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  const tooLarge = (): ProblemError =>
    new ProblemError(413, 'too-large', `The body is larger than ${limitBytes} bytes.`, { limit: limitBytes });
  if (Number(request.headers.get('Content-Length') ?? 0) > limitBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = request.body?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    length += read.value.byteLength;
    if (length > limitBytes) throw tooLarge();
    chunks.push(read.value);
  }
  return Buffer.concat(chunks);
}
