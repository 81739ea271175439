import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isRecordKey, type JsonObject, type JsonRecord, type RecordKey } from '../protocol/record.ts';
import { protocolVersion } from '../protocol/wire.ts';
import type { DownloadPiece } from './backend.ts';

function broken(why: string): SyncError {
  return new SyncError(
    'network',
    `The download is broken: ${why}. Nothing of it was put in place; it will be tried again.`,
    {
      retryable: true,
    },
  );
}

/** What is kept of a stream at a time, in characters: an answer without end must not fill the memory. */
const longestChunk = 64_000_000;

/** Gives a stream's lines one by one, and says how many bytes came so far. */
class LineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  readonly #onBytes: () => void;
  #text = '';
  #position = 0;
  #ended = false;
  bytes = 0;

  constructor(body: ReadableStream<Uint8Array>, onBytes: () => void) {
    this.#reader = body.getReader();
    this.#onBytes = onBytes;
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#reader.read();
    if (done) {
      this.#ended = true;
      return;
    }
    this.#onBytes();
    this.bytes += value.byteLength;
    this.#text = this.#text.slice(this.#position) + this.#decoder.decode(value, { stream: true });
    this.#position = 0;
  }

  /** The next line without its end; null when the stream ended. A last line without an end is not given. */
  async line(): Promise<string | null> {
    let from = this.#position;
    for (;;) {
      const end = this.#text.indexOf('\n', from);
      if (end >= 0) {
        const line = this.#text.slice(this.#position, end);
        this.#position = end + 1;
        return line;
      }
      if (this.#ended) return null;
      const seen = this.#text.length - this.#position;
      if (seen > longestChunk) throw broken('it has a line without an end');
      await this.#more();
      from = seen;
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }
}

function parseMark(line: string): JsonObject {
  let mark: unknown;
  try {
    mark = JSON.parse(line);
  } catch {
    throw broken('a mark is not JSON');
  }
  if (!isJsonObject(mark)) throw broken('a mark is not an object');
  return mark;
}

function text(mark: JsonObject, name: string): string {
  const value = mark[name];
  if (typeof value !== 'string') throw broken(`a mark of type ${JSON.stringify(mark['type'])} lacks ${name}`);
  return value;
}

function count(mark: JsonObject, name: string): number {
  const value = mark[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw broken(`a mark of type ${JSON.stringify(mark['type'])} lacks ${name}`);
  }
  return value;
}

/** All records of a chunk at once: one parse is several times as fast as one for each. */
function parseRecords(texts: readonly string[]): readonly JsonRecord[] {
  let records: unknown;
  try {
    records = JSON.parse(`[${texts.join(',')}]`);
  } catch {
    throw broken('a record is not JSON');
  }
  if (!Array.isArray(records) || records.length !== texts.length || !records.every(isJsonObject)) {
    throw broken('a chunk has something else than records');
  }
  if (!texts.every((line) => line.startsWith('{') && line.endsWith('}'))) throw broken('a record spans lines');
  return records;
}

async function readRecords(mark: JsonObject, lines: LineReader): Promise<DownloadPiece> {
  const expected = count(mark, 'count');
  const { versions, delta } = mark;
  if (!Array.isArray(versions) || versions.length !== expected)
    throw broken('a chunk has not a version for each record');
  const before = lines.bytes;
  const texts: string[] = [];
  let characters = 0;
  for (let index = 0; index < expected; index += 1) {
    const line = await lines.line();
    if (line === null) throw broken('it was cut within a chunk');
    texts.push(line);
    // Not the bytes that came: WebKit hands out all that it has at once.
    characters += line.length;
    if (characters > longestChunk) throw broken('a chunk has no end');
  }
  return {
    type: 'records',
    table: text(mark, 'table'),
    texts,
    records: parseRecords(texts),
    versions: versions.map(String),
    delta: delta === true,
    bytes: lines.bytes - before,
  };
}

function readRemovals(mark: JsonObject): DownloadPiece {
  const { keys } = mark;
  if (!Array.isArray(keys) || !keys.every(isRecordKey)) throw broken('a removal has no keys');
  const removed: RecordKey[] = keys;
  return { type: 'removals', table: text(mark, 'table'), keys: removed, bytes: 0 };
}

async function readPiece(mark: JsonObject, lines: LineReader): Promise<DownloadPiece> {
  switch (mark['type']) {
    case 'start':
      if (mark['protocol'] !== protocolVersion) throw broken('it is of another protocol version');
      return { type: 'start', serverEpoch: text(mark, 'serverEpoch') };
    case 'table': {
      const { total } = mark;
      const known = typeof total === 'number' ? total : null;
      const full = mark['full'] === true;
      return { type: 'table', table: text(mark, 'table'), full, snapshot: text(mark, 'snapshot'), total: known };
    }
    case 'records':
      return readRecords(mark, lines);
    case 'removals':
      return readRemovals(mark);
    case 'end':
      return { type: 'end', table: text(mark, 'table'), cursor: text(mark, 'cursor'), count: count(mark, 'count') };
    case 'refused':
      return { type: 'refused', table: text(mark, 'table'), message: text(mark, 'message') };
    case 'finish':
      return { type: 'finish' };
    default:
      throw broken(`it has a mark of the unknown type ${JSON.stringify(mark['type'])}`);
  }
}

/**
 * Reads a download's NDJSON. A body that was cut by a closed connection looks complete in Chromium and Firefox, so only a
 * stream that ends with its `finish` mark ends without an error (A-B6, A-S4).
 */
export async function* readDownload(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => undefined,
): AsyncGenerator<DownloadPiece, void, undefined> {
  const lines = new LineReader(body, onBytes);
  try {
    for (;;) {
      const line = await lines.line();
      if (line === null) throw broken('it was cut before its end mark');
      const piece = await readPiece(parseMark(line), lines);
      yield piece;
      if (piece.type === 'finish') return;
    }
  } catch (error) {
    if (error instanceof SyncError) throw error;
    throw broken(error instanceof Error ? error.message : String(error));
  } finally {
    await lines.cancel();
  }
}
