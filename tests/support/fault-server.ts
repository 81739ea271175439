import { createServer, request as forwardRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of one request. `forward` passes it on and gives the whole answer back when asked to. */
export interface Passage {
  readonly method: string;
  readonly path: string;
  /** Sends the request to the real server; resolves when that has answered, with the answer not yet passed on. */
  forward(): Promise<HeldAnswer>;
  /** Closes the connection without a byte. */
  drop(): void;
  /** Answers in the server's place. */
  answer(status: number, headers: Readonly<Record<string, string>>, body: string): void;
}

export interface HeldAnswer {
  readonly status: number;
  /** The body of the request, of which at most 64 KiB are kept. */
  readonly asked: string;
  pass(): void;
  /** Passes on what comes up to the n-th line's end and a little of the next line; then nothing more comes, and nothing ends. */
  passLines(count: number): void;
}

/** Decides about a request; undefined: it is passed on as it is. */
export type Plan = (passage: Passage) => Promise<void> | undefined;

export interface FaultServer {
  readonly url: string;
  plan: Plan;
  close(): Promise<void>;
}

function forwarded(target: URL, incoming: IncomingMessage): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = forwardRequest(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
      },
      resolve,
    );
    outgoing.on('error', reject);
    incoming.pipe(outgoing);
  });
}

const keptBytes = 64 * 1024;

/** Hears a request's body while it is passed on. */
function listenTo(incoming: IncomingMessage): () => string {
  const heard: Buffer[] = [];
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    if (bytes < keptBytes) heard.push(chunk);
    bytes += chunk.length;
  });
  return () => Buffer.concat(heard).subarray(0, keptBytes).toString();
}

const someOfALine = 10;

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

function passOn(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.pipe(response);
}

/** A real HTTP server before the real one, which does to each request what its plan says. */
export async function startFaultServer(target: string): Promise<FaultServer> {
  const targetUrl = new URL(target);
  const faults: { plan: Plan } = { plan: () => undefined };
  const server = createServer((incoming, response) => {
    const forward = async (): Promise<HeldAnswer> => {
      const asked = listenTo(incoming);
      const answer = await forwarded(targetUrl, incoming);
      return {
        status: answer.statusCode ?? 0,
        asked: asked(),
        pass: () => passOn(answer, response),
        passLines: (count) => passLines(answer, response, count),
      };
    };
    const passage: Passage = {
      method: incoming.method ?? '',
      path: new URL(incoming.url ?? '/', targetUrl).pathname,
      forward,
      drop: () => incoming.socket.destroy(),
      answer: (status, headers, body) => response.writeHead(status, headers).end(body),
    };
    const planned = faults.plan(passage) ?? forward().then((answer) => answer.pass());
    planned.catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a listening TCP server has such an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get plan() {
      return faults.plan;
    },
    set plan(plan) {
      faults.plan = plan;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
