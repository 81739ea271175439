import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chunkBytes, isFileReference } from '../../sw/protocol/file.ts';
import { parseRange } from '../../sw/protocol/range.ts';
import { createChunker } from '../../sw/store/chunker.ts';
import { hashOfChunk, hashOfContent } from '../../sw/store/content-hash.ts';

function bytes(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_value, index) => (index * 31 + (index >> 8)) & 255);
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** The chunks of pieces of one size. */
function chunksOf(content: Uint8Array, pieceBytes: number): Uint8Array[] {
  const chunker = createChunker();
  const chunks: ArrayBuffer[] = [];
  for (let at = 0; at < content.byteLength; at += pieceBytes) {
    chunks.push(...chunker.add(content.subarray(at, at + pieceBytes)));
  }
  const rest = chunker.rest();
  return [...chunks, ...(rest === null ? [] : [rest])].map((chunk) => new Uint8Array(chunk));
}

describe('a content', () => {
  it.each([1000, 65_536, chunkBytes, chunkBytes + 1, 5 * chunkBytes])(
    'is cut into chunks of 1 MiB, whatever its pieces are (%d bytes)',
    (pieceBytes) => {
      const content = bytes(2 * chunkBytes + 5);
      const chunks = chunksOf(content, pieceBytes);
      expect(chunks.map((chunk) => chunk.byteLength)).toEqual([chunkBytes, chunkBytes, 5]);
      expect(Buffer.concat(chunks).equals(Buffer.from(content))).toBe(true);
    },
  );

  it('whose last chunk is full has no rest', () => {
    expect(chunksOf(bytes(chunkBytes), 4096).map((chunk) => chunk.byteLength)).toEqual([chunkBytes]);
    expect(chunksOf(bytes(0), 4096)).toEqual([]);
  });

  it('is known by the hash over the hashes of its chunks (X-01)', async () => {
    const content = bytes(chunkBytes + 77);
    const parts = [content.slice(0, chunkBytes), content.slice(chunkBytes)];
    const digests = await Promise.all(parts.map((part) => hashOfChunk(part.buffer)));
    expect(digests).toEqual(parts.map((part) => sha256(part).toString('hex')));
    expect(await hashOfContent(digests)).toBe(sha256(Buffer.concat(parts.map(sha256))).toString('hex'));
    expect(await hashOfContent([])).toBe(sha256(new Uint8Array(0)).toString('hex'));
  });

  it('is referred to by hash, size and type, and by nothing else', () => {
    const hash = 'a'.repeat(64);
    expect(isFileReference({ hash, size: 3, type: 'image/png', name: 'a.png' })).toBe(true);
    for (const wrong of [null, 'text', { hash, size: -1, type: '' }, { hash: 'A'.repeat(64), size: 1, type: '' }]) {
      expect(isFileReference(wrong)).toBe(false);
    }
    expect(isFileReference({ hash, size: 1.5, type: '' })).toBe(false);
    expect(isFileReference({ hash, size: 1, type: '', name: 7 })).toBe(false);
  });
});

describe('a range of a content', () => {
  const content = { size: 1000, etag: '"one"' };
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=10-19', { start: 10, end: 20 }],
    ['bytes=990-', { start: 990, end: 1000 }],
    ['bytes=990-5000', { start: 990, end: 1000 }],
    ['bytes=-10', { start: 990, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=20-10', null],
    ['bytes=0-1,5-6', null],
    ['bytes=-', null],
    ['lines=1-2', null],
    ['', null],
  ])('%s is %o', (header, expected) => {
    expect(parseRange(header, null, content)).toEqual(expected);
  });

  it('is the whole content if If-Range names another one', () => {
    expect(parseRange('bytes=0-9', '"two"', content)).toBeNull();
    expect(parseRange('bytes=0-9', '"one"', content)).toEqual({ start: 0, end: 10 });
    expect(parseRange(null, null, content)).toBeNull();
  });

  it('of an empty content is never there', () => {
    expect(parseRange('bytes=0-', null, { size: 0, etag: '"e"' })).toBe('unsatisfiable');
    expect(parseRange('bytes=-5', null, { size: 0, etag: '"e"' })).toBe('unsatisfiable');
  });
});
