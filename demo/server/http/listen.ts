import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Environment } from './environment.ts';

/** How long answers that are under way may take once the server closes. */
const graceMs = 5_000;
const sweepMs = 50;

export interface Listening {
  readonly server: Server;
  readonly port: number;
}

export async function listen(
  app: Hono<Environment>,
  { port, hostname }: { port: number; hostname: string },
): Promise<Listening> {
  const answer = getRequestListener(app.fetch);
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, hostname, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no port.');
  return { server, port: address.port };
}

/** Takes no more requests, and settles when those under way are answered or their time is over. */
export async function stop(server: Server): Promise<void> {
  // A connection that was busy at the close is kept open for further requests, which would never be answered.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, sweepMs);
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  clearInterval(sweep);
  clearTimeout(cut);
}
