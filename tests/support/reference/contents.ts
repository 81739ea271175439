import { createHash } from 'node:crypto';
import { chunkBytes } from '../../../sw/protocol/file.ts';

function digestOf(data: string | Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}

/** The hash of a content as the protocol says it, made by other code than the library's. */
export function hashOfText(text: string): string {
  const whole = createHash('sha256');
  for (let at = 0; at < text.length; at += chunkBytes) whole.update(digestOf(text.slice(at, at + chunkBytes)));
  return whole.digest('hex');
}

export interface ContentAnswer {
  readonly status: number;
  readonly received: number;
}

/** The contents of files, each of ASCII, by user and hash. */
export class Contents {
  readonly #texts = new Map<string, string>();
  readonly #whole = new Set<string>();

  has(user: string, hash: string): boolean {
    return this.#whole.has(`${user} ${hash}`);
  }

  received(user: string, hash: string): number {
    return this.#texts.get(`${user} ${hash}`)?.length ?? 0;
  }

  /** Takes one chunk. */
  put(user: string, hash: string, { range, body }: { readonly range: string; readonly body: string }): ContentAnswer {
    const id = `${user} ${hash}`;
    const [, from = '', size = ''] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
    const text = this.#texts.get(id) ?? '';
    if (from === '' || Number(from) > text.length) return { status: 409, received: text.length };
    if (this.#whole.has(id)) return { status: 200, received: text.length };
    const next = text.slice(0, Number(from)) + body;
    if (next.length < Number(size)) {
      this.#texts.set(id, next);
      return { status: 200, received: next.length };
    }
    if (hashOfText(next) !== hash) {
      this.#texts.delete(id);
      return { status: 422, received: 0 };
    }
    this.#texts.set(id, next);
    this.#whole.add(id);
    return { status: 200, received: next.length };
  }

  /** From a byte on; null: the user has no such content. */
  get(
    user: string,
    hash: string,
    range: string | null,
  ): { readonly text: string; readonly range: string | null } | null {
    const text = this.has(user, hash) ? this.#texts.get(`${user} ${hash}`) : undefined;
    if (text === undefined) return null;
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (from === 0) return { text, range: null };
    return { text: text.slice(from), range: `bytes ${from}-${text.length - 1}/${text.length}` };
  }
}
