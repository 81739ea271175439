import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { makeRecords } from './records.mjs';

const linesInChunk = 500;
const types = { '.html': 'text/html', '.js': 'text/javascript' };

/** @param {import('node:http').IncomingMessage} request */
async function textOf(request) {
  /** @type {Buffer[]} */
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/**
 * The one server for all subjects: files, records as NDJSON, a plain endpoint, and the batch protocol with a ledger.
 *
 * @param {{ folder: string, count: number, delayMs: number }} options
 */
export async function startBenchServer({ folder, count, delayMs }) {
  const records = makeRecords(count);
  const rows = Buffer.from(records.map((record) => `${record}\n`).join(''));
  const marks = [JSON.stringify({ type: 'start', protocol: 1, serverEpoch: 'bench', tables: 1 })];
  marks.push(JSON.stringify({ type: 'table', table: 'items', full: true, snapshot: 's', total: count }));
  for (let start = 0; start < count; start += linesInChunk) {
    const lines = records.slice(start, start + linesInChunk);
    const versions = lines.map(() => '1');
    marks.push(JSON.stringify({ type: 'records', table: 'items', count: lines.length, versions }), ...lines);
  }
  const end = { type: 'end', table: 'items', cursor: 'c', count };
  marks.push(JSON.stringify(end), JSON.stringify({ type: 'finish', tables: 1 }));
  const full = Buffer.from(`${marks.join('\n')}\n`);
  /** @type {Map<string, unknown>} */
  const ledger = new Map();
  let plain = 0;
  let uploads = 0;
  let isHeld = false;

  const protocol = { 'Sync-Protocol': '1', 'Sync-User': 'bench', 'Content-Type': 'application/json' };

  /** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, url: URL) => Promise<void>} */
  const answer = async (request, response, url) => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    switch (url.pathname) {
      case '/control':
        isHeld = url.searchParams.get('held') === 'true';
        if (url.searchParams.has('clear')) ledger.clear();
        response.end(JSON.stringify({ ledger: ledger.size, plain, uploads }));
        return;
      case '/rows':
        response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).end(rows);
        return;
      case '/plain':
        await textOf(request);
        plain += 1;
        response.writeHead(201, { 'Content-Type': 'application/json' }).end('{}');
        return;
      case '/sync/download':
        await textOf(request);
        response.writeHead(200, { ...protocol, 'Content-Type': 'application/x-ndjson' }).end(full);
        return;
      case '/sync/upload': {
        const { changes } = JSON.parse(await textOf(request));
        if (isHeld) {
          response.writeHead(503, { 'Retry-After': '3600' }).end();
          return;
        }
        uploads += 1;
        const outcomes = changes.map((/** @type {{ mutationId: string, record: unknown }} */ change) => {
          const { mutationId, record } = change;
          if (!ledger.has(mutationId)) ledger.set(mutationId, { type: 'applied', mutationId, record, version: '2' });
          return ledger.get(mutationId);
        });
        response.writeHead(200, protocol).end(JSON.stringify({ protocol: 1, serverEpoch: 'bench', outcomes }));
        return;
      }
      default: {
        const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
        const type = Object.entries(types).find(([ending]) => name.endsWith(ending))?.[1];
        try {
          const content = await readFile(path.join(folder, path.basename(name)));
          response.writeHead(200, { 'Content-Type': type ?? 'application/octet-stream' }).end(content);
        } catch {
          response.writeHead(404).end();
        }
      }
    }
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://bench');
    answer(request, response, url).catch(() => response.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The bench server has no port.');
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() };
}
