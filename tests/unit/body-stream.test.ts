import { describe, expect, it } from 'vitest';
import { bodyStream } from '../../sw/router/body-stream.ts';

async function textOf(stream: ReadableStream<Uint8Array> | null): Promise<string | null> {
  return stream === null ? null : new Response(stream).text();
}

describe('the body of a request', () => {
  it('is there as a stream, also where the browser gives none of its own', async () => {
    const sent = { method: 'PUT', body: 'some bytes' };
    const plain = new Request('https://app.test/photos/1/content', sent);
    expect(await textOf(await bodyStream(plain))).toBe('some bytes');
    const inFirefox = new Request('https://app.test/photos/1/content', sent);
    Object.defineProperty(inFirefox, 'body', { value: undefined });
    expect(await textOf(await bodyStream(inFirefox))).toBe('some bytes');
    expect(await bodyStream(new Request('https://app.test/photos/1/content', { method: 'PUT' }))).toBeNull();
  });
});
