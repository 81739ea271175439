import type { Environment } from '../sync/environment.ts';
import type { RequestIdentity } from '../store/requests.ts';

/**
 * 128 bits that tell requests apart. Not for secrets: nobody gains by making two of their own requests look alike, and a
 * digest of WebCrypto would cost every write a trip to another thread.
 */
export function fingerprint(text: string): string {
  let [a, b, c, d] = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, 0x01000193) + b;
    b = Math.imul(b ^ (unit + c), 0x5bd1e995);
    c = Math.imul(c + (a >>> 13), 0x1b873593) ^ unit;
    d = Math.imul(d ^ (b >>> 11), 0xcc9e2d51) + a + unit;
  }
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  return hex(a ^ (d >>> 15)) + hex(b ^ (a >>> 13)) + hex(c ^ (b >>> 16)) + hex(d ^ (c >>> 14));
}

/** What a page's write is known by, should the browser send it again (SPEC ). */
export function identify(
  request: Request,
  body: string,
  { client, environment }: { readonly client: string; readonly environment: Environment },
): RequestIdentity {
  const { incarnation } = environment;
  const dispatch = environment.newId();
  // What is kept as a draft is another request than the write of the same.
  const kind = request.headers.get('Sync-Draft') === 'true' ? 'draft ' : '';
  const bodyHash = fingerprint(`${kind}${request.method} ${request.url}\n${body}`);
  const key = request.headers.get('Idempotency-Key');
  if (key !== null) return { hash: key, explicit: true, bodyHash, dispatch, incarnation };
  return { hash: `${client}:${bodyHash}`, explicit: false, bodyHash, dispatch, incarnation };
}
