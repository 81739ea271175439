/** A small seeded generator, so that every run and every subject has the same records. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const recordLength = 236;
const padding = 'x'.repeat(recordLength);

export function keyOf(index: number): string {
  return `k${String(index).padStart(9, '0')}`;
}

/** Lines of JSON in key order, each found by its number without parsing any. */
export interface Lines {
  readonly count: number;
  readonly bytes: Buffer;
  /** Where each line begins; one more for the end. */
  readonly offsets: Uint32Array;
}

export function pack(count: number, makeLine: (index: number) => string): Lines {
  const offsets = new Uint32Array(count + 1);
  const parts: Buffer[] = [];
  let pieces: string[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    const line = `${makeLine(index)}\n`;
    pieces.push(line);
    at += Buffer.byteLength(line);
    offsets[index + 1] = at;
    if (pieces.length === 10_000) {
      parts.push(Buffer.from(pieces.join('')));
      pieces = [];
    }
  }
  parts.push(Buffer.from(pieces.join('')));
  return { count, bytes: Buffer.concat(parts), offsets };
}

export function lineAt(lines: Lines, index: number): string {
  return lines.bytes.toString('utf8', lines.offsets[index], (lines.offsets[index + 1] ?? 0) - 1);
}

/** `count` records of 236 bytes each, in key order. */
export function makeItems(count: number): Lines {
  const random = seededRandom(20_260_101);
  return pack(count, (index) => {
    const start = JSON.stringify({
      id: keyOf(index),
      name: `Item ${Math.floor(random() * 1e6)}`,
      stock: Math.floor(random() * 1000),
      price: Math.floor(random() * 10_000) / 100,
      category: `c${Math.floor(random() * 50)}`,
      updated: new Date(1.7e12 + Math.floor(random() * 1e10)).toISOString(),
      desc: '',
    });
    return `${start.slice(0, -2)}${padding.slice(0, recordLength - start.length)}"}`;
  });
}
