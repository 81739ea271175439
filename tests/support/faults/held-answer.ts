import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { HeldAnswer } from './passage.ts';

/**
 * - `short-length`: the announced length is longer than what comes before the connection is closed.
 * - `closed-early`: no length was announced, so that the closed connection looks like the end.
 * - `broken-gzip`: the end of the compressed body is missing, while the answer itself is complete.
 */
export type Cut = 'short-length' | 'closed-early' | 'broken-gzip';

export const cuts: readonly Cut[] = ['short-length', 'closed-early', 'broken-gzip'];

const someOfALine = 10;

function read(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('end', () => resolve(Buffer.concat(parts)));
    answer.on('error', reject);
  });
}

/** The answer's headers, without those that tell how its body is framed. */
function plainHeaders({ headers }: IncomingMessage): Record<string, string | string[]> {
  const framing = new Set(['content-length', 'transfer-encoding', 'content-encoding', 'connection', 'keep-alive']);
  const kept = Object.entries(headers).filter(([name, value]) => !framing.has(name) && value !== undefined);
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']));
}

function passLines(answer: IncomingMessage, response: ServerResponse, count: number): void {
  let lines = 0;
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.on('data', (chunk: Buffer) => {
    if (lines >= count) return;
    let end = -1;
    do end = chunk.indexOf('\n', end + 1);
    while (end >= 0 && (lines += 1) < count);
    response.write(end < 0 ? chunk : chunk.subarray(0, end + 1 + someOfALine));
  });
}

async function passPart(answer: IncomingMessage, response: ServerResponse, cut: Cut, share: number): Promise<void> {
  const whole = await read(answer);
  const status = answer.statusCode ?? 502;
  const headers = plainHeaders(answer);
  const part = whole.subarray(0, Math.floor(whole.length * share));
  switch (cut) {
    case 'short-length':
      response.writeHead(status, { ...headers, 'Content-Length': whole.length });
      response.write(part, () => response.socket?.end());
      return;
    case 'closed-early':
      response.useChunkedEncodingByDefault = false;
      response.writeHead(status, { ...headers, Connection: 'close' });
      response.end(part);
      return;
    case 'broken-gzip': {
      const packed = gzipSync(whole);
      const broken = packed.subarray(0, Math.floor(packed.length * share));
      response.writeHead(status, { ...headers, 'Content-Encoding': 'gzip', 'Content-Length': broken.length });
      response.end(broken);
      return;
    }
  }
}

async function drip(answer: IncomingMessage, response: ServerResponse, pieces: number, pauseMs: number): Promise<void> {
  const whole = await read(answer);
  response.writeHead(answer.statusCode ?? 502, { ...plainHeaders(answer), 'Content-Length': whole.length });
  const size = Math.max(1, Math.ceil(whole.length / pieces));
  for (let from = 0; from < whole.length; from += size) {
    response.write(whole.subarray(from, from + size));
    await new Promise((resolve) => {
      setTimeout(resolve, pauseMs);
    });
  }
  response.end();
}

/** What a plan can do with the real server's answer. */
export function heldAnswer(answer: IncomingMessage, response: ServerResponse, asked: string): HeldAnswer {
  return {
    status: answer.statusCode ?? 0,
    asked,
    pass: (headers = {}) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...headers });
      answer.pipe(response);
    },
    passLines: (count) => passLines(answer, response, count),
    passPart: (cut, share) => passPart(answer, response, cut, share),
    drip: (pieces, pauseMs) => drip(answer, response, pieces, pauseMs),
    swallow: async () => {
      await read(answer);
    },
  };
}
