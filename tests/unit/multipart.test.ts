import { describe, expect, it } from 'vitest';
import { readParts } from '../../sw/router/multipart.ts';

interface ReadPart {
  readonly name: string;
  readonly filename: string | null;
  readonly type: string | null;
  readonly bytes: Buffer;
}

/** A body in pieces of one size. */
function streamOf(bytes: Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (at >= bytes.byteLength) {
        controller.close();
        return;
      }
      controller.enqueue(bytes.subarray(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}

async function read(bytes: Uint8Array, type: string, pieceBytes: number): Promise<ReadPart[]> {
  const parts: ReadPart[] = [];
  for await (const part of readParts(streamOf(bytes, pieceBytes), type)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of part.body) pieces.push(Uint8Array.from(piece));
    parts.push({ name: part.name, filename: part.filename, type: part.type, bytes: Buffer.concat(pieces) });
  }
  return parts;
}

async function encoded(form: FormData): Promise<{ readonly bytes: Uint8Array; readonly type: string }> {
  const response = new Response(form);
  const type = response.headers.get('Content-Type') ?? '';
  return { bytes: new Uint8Array(await response.arrayBuffer()), type };
}

describe('a form with a file', () => {
  const tricky = Buffer.from('\r\n--\r\n-\r\r\n--form\r\n\r\n', 'latin1');

  it.each([1, 2, 7, 64, 1000, 100_000])('is read as it was written, in pieces of %d bytes', async (pieceBytes) => {
    const form = new FormData();
    form.set('caption', 'Grüße "hier"');
    form.set('content', new File([tricky, new Uint8Array(3000), tricky], 'a "b".jpg', { type: 'image/jpeg' }));
    form.set('empty', '');
    const { bytes, type } = await encoded(form);
    const parts = await read(bytes, type, pieceBytes);
    expect(parts.map(({ name, filename, type: of }) => ({ name, filename, of }))).toEqual([
      { name: 'caption', filename: null, of: null },
      { name: 'content', filename: 'a "b".jpg', of: 'image/jpeg' },
      { name: 'empty', filename: null, of: null },
    ]);
    expect(parts[0]?.bytes.toString()).toBe('Grüße "hier"');
    expect(parts[1]?.bytes.equals(Buffer.concat([tricky, new Uint8Array(3000), tricky]))).toBe(true);
    expect(parts[2]?.bytes.byteLength).toBe(0);
  });

  it('that is cut, or is no form, is refused as invalid-body', async () => {
    const form = new FormData();
    form.set('caption', 'a text');
    const { bytes, type } = await encoded(form);
    await expect(read(bytes.subarray(0, bytes.byteLength - 8), type, 50)).rejects.toMatchObject({
      code: 'invalid-body',
    });
    await expect(read(bytes, 'multipart/form-data', 50)).rejects.toMatchObject({ code: 'invalid-body' });
    const other = new TextEncoder().encode('{"not":"a form"}');
    await expect(read(other, 'multipart/form-data; boundary=x', 50)).rejects.toMatchObject({ code: 'invalid-body' });
    await expect(read(new Uint8Array(40_000), 'multipart/form-data; boundary=x', 40_000)).rejects.toMatchObject({
      code: 'invalid-body',
    });
  });
});
