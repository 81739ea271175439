import { type Context, Hono } from 'hono';
import { isContentHash } from '../../../sw/protocol/file.ts';
import { isJsonObject } from '../../../sw/protocol/record.ts';
import { type FilesResponse, protocolVersion } from '../../../sw/protocol/wire.ts';
import { findFile, receivedOf, type StoredFile } from '../files/files.ts';
import { fileResponse } from '../files/file-response.ts';
import { addChunk } from '../files/receive.ts';
import { readBytes, readJson } from './body.ts';
import { type Environment, type ServerContext, sessionOf } from './environment.ts';
import { ProblemError } from './problem.ts';

const maxHashes = 1_000;

function hashOf(context: Context<Environment>): string {
  const hash = context.req.param('hash');
  if (isContentHash(hash)) return hash;
  throw new ProblemError(400, 'invalid-request', 'A content is addressed by the 64 hex digits of its hash.');
}

/** Contents by their hash, see wire.ts. */
export function fileRoutes(server: ServerContext): Hono<Environment> {
  const { database, catalog } = server;
  const routes = new Hono<Environment>();

  routes.post('/', async (context) => {
    const { user } = sessionOf(context);
    const body = await readJson(context.req.raw, server.bodyLimitBytes);
    const hashes: readonly unknown[] = isJsonObject(body) && Array.isArray(body['hashes']) ? body['hashes'] : [null];
    if (hashes.length > maxHashes || !hashes.every(isContentHash)) {
      throw new ProblemError(400, 'invalid-request', `hashes must be a list of at most ${maxHashes} hashes.`);
    }
    const received = await receivedOf(database, { catalog, user }, hashes);
    const files = hashes.map((hash) => ({ hash, received: received.get(hash) ?? 0 }));
    const response: FilesResponse = { protocol: protocolVersion, files };
    return context.json(response);
  });

  routes.put('/:hash', async (context) => {
    const { user } = sessionOf(context);
    const hash = hashOf(context);
    const bytes = await readBytes(context.req.raw, server.bodyLimitBytes);
    const range = context.req.header('Content-Range') ?? '';
    const stored = await addChunk(server, { user, hash, range, bytes });
    if (stored.type === 'refused') {
      throw new ProblemError(stored.status, stored.code, stored.message, { received: stored.received });
    }
    const response: FilesResponse = { protocol: protocolVersion, files: [{ hash, received: stored.received }] };
    return context.json(response);
  });

  routes.get('/:hash', async (context) => {
    const { user } = sessionOf(context);
    const hash = hashOf(context);
    const file: StoredFile | null = await findFile(database, { catalog, user }, hash);
    if (file === null) throw new ProblemError(404, 'not-found', 'There is no such content for this user.');
    return fileResponse(database, file, context.req.raw, 'application/octet-stream');
  });

  return routes;
}
