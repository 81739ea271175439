import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { listOf, objectOf, readObject, textOf, type Endpoint } from './http.ts';
import type { BenchState } from './state.ts';

const linesInChunk = 500;
const headers = { 'Sync-Protocol': '1', 'Sync-User': 'bench' };
const json = { ...headers, 'Content-Type': 'application/json' };
const frame = { protocol: 1, serverEpoch: 'bench' };
const versions = JSON.stringify(Array.from({ length: linesInChunk }, () => '1'));

type Part = Buffer | string;

function* fullParts(state: BenchState, table: string, after: number): Generator<Part> {
  const { lines } = state;
  yield `${JSON.stringify({ type: 'table', table, full: true, snapshot: 's', total: lines.count })}\n`;
  for (let start = after; start < lines.count; start += linesInChunk) {
    const count = Math.min(linesInChunk, lines.count - start);
    const list = count === linesInChunk ? versions : JSON.stringify(Array.from({ length: count }, () => '1'));
    yield `{"type":"records","table":"${table}","count":${count},"versions":${list}}\n`;
    yield lines.bytes.subarray(lines.offsets[start], lines.offsets[start + count]);
    state.sent += count;
  }
}

function* deltaParts(state: BenchState, table: string, cursor: number): Generator<Part> {
  const changes = state.changes.filter((change) => change.seq >= cursor);
  const texts = changes.flatMap(({ text }) => (text === null ? [] : [text]));
  const keys = changes.filter((change) => change.text === null).map((change) => change.key);
  const marks: unknown[] = [{ type: 'table', table, full: false, snapshot: 's', total: changes.length }];
  if (texts.length > 0) marks.push({ type: 'records', table, count: texts.length, versions: texts.map(() => '2') });
  yield `${[...marks.map((mark) => JSON.stringify(mark)), ...texts].join('\n')}\n`;
  if (keys.length > 0) yield `${JSON.stringify({ type: 'removals', table, keys })}\n`;
}

function* downloadParts(state: BenchState, tables: readonly Record<string, unknown>[]): Generator<Part> {
  yield `${JSON.stringify({ type: 'start', ...frame, tables: tables.length })}\n`;
  for (const { table, cursor, resume } of tables) {
    const name = String(table);
    const after = textOf(objectOf(resume)['after']);
    if (typeof cursor === 'string') yield* deltaParts(state, name, Number(cursor));
    else yield* fullParts(state, name, after === '' ? 0 : state.indexOf(after) + 1);
    const count = state.lines.count - state.removed;
    yield `${JSON.stringify({ type: 'end', table: name, cursor: String(state.seq), count })}\n`;
  }
  yield `${JSON.stringify({ type: 'finish', tables: tables.length })}\n`;
}

/** No faster than the network of `bytesPerSecond`: else the kernel's buffers take tens of megabytes before anybody reads. */
async function* paced(parts: Iterable<Part>, bytesPerSecond: number): AsyncGenerator<Part> {
  const begun = performance.now();
  let bytes = 0;
  for (const part of parts) {
    yield part;
    bytes += Buffer.byteLength(part);
    const ahead = (bytes / bytesPerSecond) * 1000 - (performance.now() - begun);
    if (ahead > 0) await sleep(ahead);
  }
}

const download: Endpoint = async ({ request, response, state }) => {
  const tables = listOf((await readObject(request))['tables']);
  if (state.isHeld) {
    response.writeHead(503, { ...headers, 'Retry-After': '3600' }).end();
    return true;
  }
  response.writeHead(200, { ...headers, 'Content-Type': 'application/x-ndjson' });
  await pipeline(Readable.from(paced(downloadParts(state, tables), state.bytesPerSecond)), response);
  return true;
};

const upload: Endpoint = async ({ request, response, state }) => {
  const changes = listOf((await readObject(request))['changes']);
  if (state.isHeld) {
    response.writeHead(503, { ...headers, 'Retry-After': '3600' }).end();
    return true;
  }
  state.uploads += 1;
  state.received += changes.length;
  const { ledger } = state;
  const dropped: string[] = [];
  const outcomes = changes.map(({ mutationId, key, record }) => {
    const id = String(mutationId);
    const fault = state.faultOf(String(key), Number(objectOf(record)['stock']));
    if (fault === 'fails-once') return { type: 'later', mutationId: id, message: 'This server failed.' };
    if (fault === 'refused') return { type: 'rejected', mutationId: id, code: 'validation', message: 'Not so.' };
    if (fault === 'applied-then-dropped-once') dropped.push(id);
    if (!ledger.has(id)) {
      ledger.set(id, { type: 'applied', mutationId: id, record: record ?? null, version: '2' });
      state.apply(String(key));
    }
    return ledger.get(id);
  });
  if (dropped.length > 0) {
    response.destroy();
    return true;
  }
  response.writeHead(200, json).end(JSON.stringify({ ...frame, outcomes }));
  return true;
};

/** The batch protocol with a ledger. */
export const batchEndpoint: Endpoint = (exchange) => {
  const { url, response } = exchange;
  switch (url.pathname) {
    case '/sync/download':
      return download(exchange);
    case '/sync/upload':
      return upload(exchange);
    case '/sync/failures':
      response.writeHead(204, headers).end();
      return true;
    case '/sync/ping':
      response.writeHead(204, headers).end();
      return true;
    default:
      return false;
  }
};
