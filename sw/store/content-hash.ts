function hex(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The hash of one chunk, in hex. */
export async function hashOfChunk(chunk: ArrayBuffer): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-256', chunk));
}

/** The hash of a content, from those of its chunks: so it can go on where an interrupted download stopped. */
export async function hashOfContent(digests: readonly string[]): Promise<string> {
  const bytes = Uint8Array.from(digests.join('').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return hex(await crypto.subtle.digest('SHA-256', bytes));
}
