import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchEndpoint } from './batch.ts';
import { couchEndpoint } from './couch.ts';
import { forwardEndpoint } from './forward.ts';
import type { Endpoint } from './http.ts';
import { plainEndpoint } from './plain.ts';
import { requestFault } from './request-fault.ts';
import { rxEndpoint } from './rx.ts';
import { BenchState } from './state.ts';
import { syncedEndpoint } from './synced.ts';

const endpoints = [
  requestFault,
  forwardEndpoint,
  batchEndpoint,
  plainEndpoint,
  rxEndpoint,
  couchEndpoint,
  syncedEndpoint,
];

export interface BenchServer {
  readonly url: string;
  readonly state: BenchState;
  close(): Promise<void>;
}

/** Pages are empty but for the subject's script; everything else of the folder is a script. */
function files(folder: string): Endpoint {
  return async ({ url, response }) => {
    const [, kind = '', name = ''] = url.pathname.split('/');
    if (kind === 'subject') {
      const page = `<!doctype html><title>${name}</title><script src="/subject-${name}.js"></script>`;
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(page);
      return true;
    }
    if (!kind.endsWith('.js')) return false;
    const content = await readFile(path.join(folder, path.basename(kind)));
    response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(content);
    return true;
  };
}

/** The one server for all subjects. What it holds is set from outside, in `state`. */
export async function startBenchServer(folder: string): Promise<BenchServer> {
  const state = new BenchState();
  const serveFile = files(folder);
  const server = createServer((request, response) => {
    const exchange = { request, response, state, url: new URL(request.url ?? '/', 'http://bench') };
    const answer = async (): Promise<void> => {
      if (await serveFile(exchange)) return;
      if (state.delayMs > 0) await sleep(state.delayMs);
      for (const endpoint of endpoints) if (await endpoint(exchange)) return;
      response.writeHead(404).end();
    };
    answer().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The bench server has no port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    state,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
