import { SyncError } from '../protocol/errors.ts';

export interface Part {
  readonly name: string;
  readonly filename: string | null;
  readonly type: string | null;
  /** The part's bytes as they come. It must be read to its end before the next part is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

const largestHead = 16 * 1024;

function wrong(what: string): SyncError {
  return new SyncError('invalid-body', `The multipart body ${what}. Nothing was stored.`);
}

function indexOf(bytes: Uint8Array, pattern: Uint8Array): number {
  const [first = 0] = pattern;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + pattern.byteLength > bytes.byteLength) return -1;
    if (pattern.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

/** What has come and was not taken yet. It grows by one piece at a time. */
class Window {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  bytes: Uint8Array = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async grow(): Promise<void> {
    const { done, value } = await this.#reader.read();
    if (done) throw wrong('ends before its last boundary');
    const joined = new Uint8Array(this.bytes.byteLength + value.byteLength);
    joined.set(this.bytes);
    joined.set(value, this.bytes.byteLength);
    this.bytes = joined;
  }

  take(count: number): Uint8Array {
    const taken = this.bytes.subarray(0, count);
    this.bytes = this.bytes.subarray(count);
    return taken;
  }

  /** What comes before the pattern, piece by piece; the pattern itself is dropped. */
  async *until(pattern: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = indexOf(this.bytes, pattern);
      if (at >= 0) {
        if (at > 0) yield this.take(at);
        this.take(pattern.byteLength);
        return;
      }
      // The last bytes may be the pattern's first ones.
      const safe = this.bytes.byteLength - pattern.byteLength + 1;
      if (safe > 0) yield this.take(safe);
      await this.grow();
    }
  }

  async text(pattern: Uint8Array, limit: number): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    let length = 0;
    for await (const piece of this.until(pattern)) {
      length += piece.byteLength;
      if (length > limit) throw wrong('has a part with too long a head');
      text += decoder.decode(piece, { stream: true });
    }
    return text + decoder.decode();
  }
}

/** A parameter of a header as browsers write it: quoted, with `"` and line ends as percent escapes. */
function parameter(header: string, name: string): string | null {
  const match =
    new RegExp(`;\\s*${name}="([^"]*)"`, 'i').exec(header) ?? new RegExp(`;\\s*${name}=([^;\\s]+)`, 'i').exec(header);
  return match?.[1]?.replace(/%22|%0D|%0A/gi, (escape) => decodeURIComponent(escape)) ?? null;
}

function headersOf(head: string): { disposition: string; type: string | null } {
  let disposition = '';
  let type: string | null = null;
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'content-disposition') disposition = value;
    if (name === 'content-type') type = value;
  }
  return { disposition, type };
}

/**
 * The parts of a `multipart/form-data` body (RFC 7578), one after the other, as they come. Of a part of any size no more
 * than two pieces of the stream are in memory.
 *
 * @throws SyncError `invalid-body`, when it is not one.
 */
export async function* readParts(stream: ReadableStream<Uint8Array>, contentType: string): AsyncGenerator<Part> {
  const boundary = parameter(contentType, 'boundary');
  if (boundary === null || boundary === '' || boundary.length > 70) throw wrong('has no boundary in its content type');
  const encoder = new TextEncoder();
  const window = new Window(stream);
  const ending = encoder.encode(`\r\n--${boundary}`);
  // The first boundary may stand without the line end that the others have.
  window.bytes = encoder.encode('\r\n');
  for await (const piece of window.until(ending))
    if (piece.byteLength > largestHead) throw wrong('has a long preamble');
  for (;;) {
    while (window.bytes.byteLength < 2) await window.grow();
    const mark = String.fromCharCode(...window.take(2));
    if (mark === '--') return;
    if (mark !== '\r\n') throw wrong('has something behind a boundary');
    const { disposition, type } = headersOf(await window.text(encoder.encode('\r\n\r\n'), largestHead));
    const name = parameter(disposition, 'name');
    if (name === null) throw wrong('has a part without a name');
    yield { name, filename: parameter(disposition, 'filename'), type, body: window.until(ending) };
  }
}
