import { chunkBytes } from '../protocol/file.ts';

/** Cuts a stream of pieces of any size into chunks. It never holds more than one of them. */
export interface Chunker {
  /** Takes a piece, and gives each chunk that it fills. */
  add(piece: Uint8Array): Iterable<ArrayBuffer>;
  /** What is left: shorter than a chunk; null if nothing is. */
  rest(): ArrayBuffer | null;
}

export function createChunker(): Chunker {
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  return {
    *add(piece) {
      for (let at = 0; at < piece.byteLength;) {
        const part = piece.subarray(at, at + chunkBytes - filled);
        chunk.set(part, filled);
        filled += part.byteLength;
        at += part.byteLength;
        if (filled < chunkBytes) return;
        yield chunk.buffer;
        chunk = new Uint8Array(chunkBytes);
        filled = 0;
      }
    },
    rest: () => (filled === 0 ? null : chunk.buffer.slice(0, filled)),
  };
}
