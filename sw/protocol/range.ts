export interface ByteRange {
  readonly start: number;
  /** Behind the last byte. */
  readonly end: number;
}

/**
 * What a `Range` header asks of a content (RFC 9110, 14). Null: the whole, as for several ranges at once, or for what
 * `If-Range` says is another content.
 */
export function parseRange(
  header: string | null,
  ifRange: string | null,
  content: { readonly size: number; readonly etag: string },
): ByteRange | 'unsatisfiable' | null {
  if (header === null || (ifRange !== null && ifRange !== content.etag)) return null;
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(header.trim());
  if (match === null) return null;
  const { size } = content;
  const [, first, last, suffix] = match;
  if (first === undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === undefined || last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== undefined && last !== '' && Number(last) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end };
}
