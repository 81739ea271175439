/** Tells whether the part of `text` from `start` to `end` matches. */
export type LikeMatcher = (text: string, start: number, end: number) => boolean;

/** A piece of a pattern between two `%`: folded code points, where `ANY` stands for `_`. */
type PieceSearch = (text: string, start: number, end: number) => number;
type Piece = readonly number[];
const ANY = -1;

/**
 * SQLite's LIKE: ASCII letters in any case, `%` any run of characters, `_` one character (a code point, not a UTF-16
 * unit). The first and the last piece of the pattern have only one place each; every piece between is looked for once,
 * from where the one before it ended. Nothing is tried again, so a match takes one pass over the text.
 */
export function likeMatcher(pattern: string, escape?: string): LikeMatcher {
  const pieces = split(pattern, escape);
  if (!pieces) return () => false;
  const [first = [], ...rest] = pieces;
  const last = rest.pop();
  const searches = rest.filter((piece) => piece.length > 0).map(pieceSearch);
  return (text, start, end) => {
    let position = matchAt(text, start, end, first);
    if (!last) return position === end;
    for (const search of searches) {
      if (position < 0) return false;
      position = search(text, position, end);
    }
    if (position < 0) return false;
    const from = stepBack(text, position, end, last.length);
    return from >= 0 && matchAt(text, from, end, last) === end;
  };
}

/** The pieces around each `%`; nothing if the pattern ends in its escape character, which SQLite never matches. */
function split(pattern: string, escape: string | undefined): Piece[] | undefined {
  let piece: number[] = [];
  const pieces = [piece];
  let escaped = false;
  for (const character of pattern) {
    if (!escaped && character === escape) escaped = true;
    else {
      if (!escaped && character === '%') pieces.push((piece = []));
      else piece.push(!escaped && character === '_' ? ANY : fold(character.codePointAt(0) ?? 0));
      escaped = false;
    }
  }
  return escaped ? undefined : pieces;
}

function fold(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code;
}

function codeAt(text: string, position: number, end: number): number {
  const unit = text.charCodeAt(position);
  return unit >= 0xd800 && unit < 0xdc00 && position + 1 < end ? (text.codePointAt(position) ?? unit) : fold(unit);
}

/** The end of the piece if it stands at `position`, else -1. */
function matchAt(text: string, position: number, end: number, piece: Piece): number {
  for (const wanted of piece) {
    if (position >= end) return -1;
    const code = codeAt(text, position, end);
    if (wanted !== ANY && wanted !== code) return -1;
    position += code > 0xffff ? 2 : 1;
  }
  return position;
}

/** The position `count` characters before `end`, or -1 if that is before `start`. */
function stepBack(text: string, start: number, end: number, count: number): number {
  let position = end;
  for (; count > 0; count--) {
    position--;
    const isTrail = (text.charCodeAt(position) & 0xfc00) === 0xdc00;
    if (isTrail && position > start && (text.charCodeAt(position - 1) & 0xfc00) === 0xd800) position--;
    if (position < start) return -1;
  }
  return position;
}

function pieceSearch(piece: Piece): PieceSearch {
  const [only] = piece;
  if (piece.length === 1 && only !== undefined && only !== ANY && only < 0xd800) return unitSearch(only);
  return piece.length <= 32 ? shortSearch(piece) : longSearch(piece);
}

/** Where a single character ends, in either case: the browser's own search, which is faster than any loop. */
function unitSearch(wanted: number): PieceSearch {
  const lower = String.fromCharCode(wanted);
  const upper = wanted >= 97 && wanted <= 122 ? String.fromCharCode(wanted - 32) : null;
  return (text, start, end) => {
    const first = text.indexOf(lower, start);
    const low = first < 0 || first >= end ? end : first;
    // Not past what was found: a text without the other case would be searched to its end for each piece.
    const other = upper === null ? -1 : indexWithin(text, upper, start, low);
    const found = other < 0 ? low : other;
    return found < end ? found + 1 : -1;
  };
}

function indexWithin(text: string, wanted: string, start: number, end: number): number {
  // Long stretches are cut out, since a search cannot be told where to stop.
  if (end - start > 64) return shifted(text.slice(start, end).indexOf(wanted), start);
  const unit = wanted.charCodeAt(0);
  for (let position = start; position < end; position++) if (text.charCodeAt(position) === unit) return position;
  return -1;
}

function shifted(index: number, by: number): number {
  return index < 0 ? -1 : index + by;
}

const slots = 256;

/**
 * Finds where the first occurrence of a piece of up to 32 characters ends. Bit i of the state says that the piece's first
 * i + 1 characters end here; one step moves all bits on at once. So `_` costs nothing extra, and the worst text costs what
 * any other does. A character's mask stands in the slot of its low bits; of two with the same slot one is in a map.
 */
function shortSearch(piece: Piece): PieceSearch {
  let anywhere = 0;
  piece.forEach((wanted, index) => {
    if (wanted === ANY) anywhere |= 1 << index;
  });
  const masks = new Map<number, number>();
  piece.forEach((wanted, index) => {
    if (wanted !== ANY) masks.set(wanted, (masks.get(wanted) ?? anywhere) | (1 << index));
  });
  const codes = new Int32Array(slots).fill(-1);
  const slotMasks = new Int32Array(slots);
  let isSplit = false;
  for (const [code, mask] of masks) {
    const slot = code & (slots - 1);
    if (codes[slot] === -1) [codes[slot], slotMasks[slot]] = [code, mask];
    else isSplit = true;
  }
  const final = 1 << (piece.length - 1);
  return (text, start, end) => {
    let state = 0;
    for (let position = start; position < end;) {
      let code = text.charCodeAt(position);
      position++;
      if (code >= 65 && code <= 90) code += 32;
      else if (code >= 0xd800 && code < 0xdc00 && position < end) {
        const trail = text.charCodeAt(position);
        if (trail >= 0xdc00 && trail < 0xe000) {
          code = (code - 0xd800) * 0x400 + trail - 0xdc00 + 0x10000;
          position++;
        }
      }
      const slot = code & (slots - 1);
      const mask = codes[slot] === code ? (slotMasks[slot] ?? 0) : isSplit ? (masks.get(code) ?? anywhere) : anywhere;
      state = ((state << 1) | 1) & mask;
      if (state & final) return position;
    }
    return -1;
  };
}

/** The same for pieces of any length, 32 characters of the piece to a word. */
function longSearch(piece: Piece): PieceSearch {
  const words = Math.ceil(piece.length / 32);
  const anywhere = new Int32Array(words);
  const masks = new Map<number, Int32Array>();
  piece.forEach((wanted, index) => {
    if (wanted === ANY) setBit(anywhere, index);
  });
  piece.forEach((wanted, index) => {
    if (wanted === ANY) return;
    let mask = masks.get(wanted);
    if (!mask) masks.set(wanted, (mask = anywhere.slice()));
    setBit(mask, index);
  });
  const state = new Int32Array(words);
  const final = 1 << ((piece.length - 1) & 31);
  return (text, start, end) => {
    state.fill(0);
    for (let position = start; position < end;) {
      const code = codeAt(text, position, end);
      position += code > 0xffff ? 2 : 1;
      const mask = masks.get(code) ?? anywhere;
      let carry = 1;
      let word = 0;
      for (let index = 0; index < words; index++) {
        const before = state[index] ?? 0;
        word = ((before << 1) | carry) & (mask[index] ?? 0);
        state[index] = word;
        carry = before >>> 31;
      }
      if (word & final) return position;
    }
    return -1;
  };
}

function setBit(bits: Int32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] ?? 0) | (1 << (index & 31));
}
