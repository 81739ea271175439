import { createServer, request as forwardRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { heldAnswer } from './held-answer.ts';
import type { HeldAnswer, Passage, Plan } from './passage.ts';

/** A request as it came in. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface FaultServer {
  readonly url: string;
  plan: Plan;
  /** Every request that came, in order. */
  readonly seen: SeenRequest[];
  /** Refuses connections, and ends those that are open. */
  refuse(): Promise<void>;
  /** Takes connections again, at the same address. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

function forwarded(target: URL, incoming: IncomingMessage, body: Buffer | null): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url, headers } = incoming;
    const outgoing = forwardRequest({ host: target.hostname, port: target.port, method, path: url, headers }, resolve);
    outgoing.on('error', reject);
    if (body === null) incoming.pipe(outgoing);
    else outgoing.end(body);
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

function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => resolve(Buffer.concat(parts)));
    incoming.on('error', reject);
  });
}

function listenAt(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** A real HTTP server before the real one, which does to each request what its plan says. */
export async function startFaultServer(target: string): Promise<FaultServer> {
  const targetUrl = new URL(target);
  const faults: { plan: Plan } = { plan: () => undefined };
  const seen: SeenRequest[] = [];
  const served = new WeakMap<Socket, number>();
  const server = createServer((incoming, response) => {
    const { method = '', socket } = incoming;
    const path = new URL(incoming.url ?? '/', targetUrl).pathname;
    const before = served.get(socket) ?? 0;
    served.set(socket, before + 1);
    seen.push({ method, path, at: Date.now() });
    let kept: Promise<Buffer> | null = null;
    const forward = async (): Promise<HeldAnswer> => {
      if (kept !== null) {
        const body = await kept;
        return heldAnswer(await forwarded(targetUrl, incoming, body), response, body.subarray(0, keptBytes).toString());
      }
      const asked = listenTo(incoming);
      const answer = await forwarded(targetUrl, incoming, null);
      return heldAnswer(answer, response, asked());
    };
    const passage: Passage = {
      ...{ method, path, before, headers: incoming.headers },
      body: async () => (await (kept ??= readAll(incoming))).toString(),
      forward,
      drop: () => socket.destroy(),
      answer: (status, headers, body) => response.writeHead(status, headers).end(body),
      begin: (status, headers, body) => response.writeHead(status, headers).write(body),
    };
    const planned = faults.plan(passage) ?? forward().then((answer) => answer.pass());
    planned.catch(() => socket.destroy());
  });
  // A connection is kept as long as the browser likes, so that a plan can close it at the wrong moment.
  server.keepAliveTimeout = 60_000;
  await listenAt(server, 0);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a listening TCP server has such an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    get plan() {
      return faults.plan;
    },
    set plan(plan) {
      faults.plan = plan;
    },
    refuse: () => stop(server),
    accept: () => (server.listening ? Promise.resolve() : listenAt(server, port)),
    close: () => (server.listening ? stop(server) : Promise.resolve()),
  };
}
