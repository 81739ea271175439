import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DownloadPiece } from '../../sw/backend/backend.ts';
import { readDownload } from '../../sw/backend/download-stream.ts';

const records = [
  { id: 'a', name: 'Zürich' },
  { id: 'b', name: '東京 🗼' },
  { id: 'c', name: 'plain\nwith an escaped end of line' },
];
const lines = [
  { type: 'start', protocol: 1, serverEpoch: 'e' },
  { type: 'table', table: 'places', full: true, snapshot: 's', total: 3 },
  { type: 'records', table: 'places', count: 2, versions: ['1', '2'] },
  ...records.slice(0, 2),
  { type: 'records', table: 'places', count: 1, versions: ['3'], delta: true },
  ...records.slice(2),
  { type: 'removals', table: 'places', keys: ['x', 7] },
  { type: 'end', table: 'places', cursor: 'c', count: 3 },
  { type: 'refused', table: 'secrets', message: 'not yours' },
  { type: 'finish', tables: 2 },
];
const whole = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

/** A body that comes in the given pieces; `broken`: its connection breaks instead of ending. */
function body(pieces: readonly Uint8Array[], broken = false): ReadableStream<Uint8Array> {
  const rest = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const next = rest.shift();
      if (next !== undefined) controller.enqueue(next);
      else if (broken) controller.error(new TypeError('network error'));
      else controller.close();
    },
  });
}

async function read(stream: ReadableStream<Uint8Array>): Promise<{ pieces: DownloadPiece[]; error: unknown }> {
  const pieces: DownloadPiece[] = [];
  try {
    for await (const piece of readDownload(stream)) pieces.push(piece);
    return { pieces, error: null };
  } catch (error) {
    return { pieces, error };
  }
}

/** Bytes are counted as they arrive, which differs with where a body is cut into pieces. */
function withoutBytes(pieces: readonly DownloadPiece[]): unknown[] {
  return pieces.map((piece) => ('bytes' in piece ? { ...piece, bytes: 0 } : piece));
}

function parsed(text: string): Promise<{ pieces: DownloadPiece[]; error: unknown }> {
  return read(body([new TextEncoder().encode(text)]));
}

const start = `${JSON.stringify(lines[0])}\n`;
const network = { code: 'network', retryable: true };

describe('a download’s stream', () => {
  it('gives its pieces, with each record as text and parsed', async () => {
    const { pieces, error } = await read(body([whole]));
    expect(error).toBeNull();
    expect(pieces.map((piece) => piece.type)).toEqual(
      'start,table,records,records,removals,end,refused,finish'.split(','),
    );
    const [first, second] = pieces.filter((piece) => piece.type === 'records');
    expect(first).toMatchObject({ records: records.slice(0, 2), versions: ['1', '2'], delta: false });
    expect(first?.texts).toEqual(records.slice(0, 2).map((record) => JSON.stringify(record)));
    expect(second).toMatchObject({ records: records.slice(2), versions: ['3'], delta: true });
    expect(pieces.find((piece) => piece.type === 'removals')).toMatchObject({ keys: ['x', 7] });
  });

  it('is a fault wherever it is cut, and gives before that only whole pieces (D-03, A-B6, A-S4)', async () => {
    const { pieces: all } = await read(body([whole]));
    for (const broken of [false, true]) {
      for (let length = 0; length < whole.length; length += 1) {
        const { pieces, error } = await read(body([whole.subarray(0, length)], broken));
        expect(error, `cut after ${length} bytes`).toMatchObject(network);
        expect(pieces.some((piece) => piece.type === 'finish')).toBe(false);
        expect(withoutBytes(pieces)).toEqual(withoutBytes(all.slice(0, pieces.length)));
      }
    }
  });

  it('is the same however the network cuts it into pieces', async () => {
    const { pieces: all } = await read(body([whole]));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 40 }), async (cuts) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const parts = ends.slice(1).map((end, index) => whole.subarray(ends[index], end));
        const { pieces, error } = await read(body(parts));
        expect(error).toBeNull();
        expect(withoutBytes(pieces)).toEqual(withoutBytes(all));
      }),
    );
  });

  it.each([
    ['a page of a login', '<!doctype html>\n<title>Sign in</title>\n'],
    ['another version', '{"type":"start","protocol":2,"serverEpoch":"e"}\n'],
    ['a mark of no known type', `${start}{"type":"surprise"}\n`],
    ['a mark that is no object', `${start}[1]\n`],
    [
      'a chunk without a version for each record',
      `${start}{"type":"records","table":"t","count":1,"versions":[]}\n{}\n`,
    ],
    ['a negative count', `${start}{"type":"records","table":"t","count":-1,"versions":[]}\n`],
    ['a record that is not JSON', `${start}{"type":"records","table":"t","count":1,"versions":["1"]}\n{"id":\n`],
    ['a record that is a list', `${start}{"type":"records","table":"t","count":1,"versions":["1"]}\n[]\n`],
    [
      'two records on one line, and half a one',
      `${start}{"type":"records","table":"t","count":2,"versions":["1","1"]}\n{"id":"a"},{"id":"b"\n}\n`,
    ],
    ['a removal without keys', `${start}{"type":"removals","table":"t"}\n`],
    ['an end without a cursor', `${start}{"type":"end","table":"t","count":0}\n`],
  ])('is a fault where it has %s (SPEC L-3)', async (_name, text) => {
    const { pieces, error } = await parsed(`${text}{"type":"finish","tables":1}\n`);
    expect(error).toMatchObject(network);
    expect(pieces.some((piece) => piece.type === 'finish')).toBe(false);
  });

  describe('of 70 MB', () => {
    const large = `${JSON.stringify({ id: 'a', name: 'x'.repeat(1_000_000) })}\n`;
    const chunk = (count: number): string =>
      `${JSON.stringify({ type: 'records', table: 't', count, versions: Array.from({ length: count }, () => '1') })}\n`;

    it('is read also where it comes all at once, as in WebKit', async () => {
      const text = `${(chunk(1) + large).repeat(70)}{"type":"finish","tables":0}\n`;
      const { pieces, error } = await read(
        body([new TextEncoder().encode(start + text.slice(0, 100)), new TextEncoder().encode(text.slice(100))]),
      );
      expect(error).toBeNull();
      expect(pieces).toHaveLength(72);
    });

    it('is a fault where it is one chunk', async () => {
      const parts = [start + chunk(70), ...Array.from({ length: 70 }, () => large), '{"type":"finish","tables":0}\n'];
      const { pieces, error } = await read(body(parts.map((part) => new TextEncoder().encode(part))));
      expect(error).toMatchObject(network);
      expect(pieces).toHaveLength(1);
    });
  });

  it('is a fault where its bytes are not UTF-8', async () => {
    const { error } = await read(body([Uint8Array.of(0x7b, 0xff, 0xfe, 0x0a)]));
    expect(error).toMatchObject(network);
  });

  it('lets go of the connection when its reader stops', async () => {
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(whole.subarray(0, start.length)),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const piece of readDownload(stream)) {
      expect(piece.type).toBe('start');
      break;
    }
    expect(isCancelled).toBe(true);
  });
});
