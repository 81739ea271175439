import { createHash, randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import {
  isJsonObject,
  isMutationId,
  type Json,
  type JsonObject,
  type MutationId,
  type RecordKey,
} from '../../../sw/protocol/record.ts';
import { type FileReference, isContentHash, isFileReference } from '../../../sw/protocol/file.ts';
import type { WireChange } from '../../../sw/protocol/wire.ts';
import { fileResponse } from '../files/file-response.ts';
import { findFile, receivedOf } from '../files/files.ts';
import { addChunk, addWhole } from '../files/receive.ts';
import { countList, listText } from '../read/list.ts';
import { columnOf, hasNumberKey, parseKey, type TableDefinition } from '../schema/table-definition.ts';
import { isUnstorable } from '../schema/record-text.ts';
import { type Applied, applyChanges } from '../write/apply-changes.ts';
import { findCommand } from '../write/commands.ts';
import { isReadable, type RowState, WorkingSet } from '../write/working-set.ts';
import { answerOf } from './answer.ts';
import { readBytes, readJson } from './body.ts';
import { type Environment, type ServerContext, sessionOf, usersOf } from './environment.ts';
import { parseListQuery } from './list-query.ts';
import { mergePatch } from './merge-patch.ts';
import { ProblemError } from './problem.ts';
import { textStream } from './text-stream.ts';

type RequestContext = Context<Environment>;

/** How often a PUT looks again whether its record is there, when it came or went between look and write. */
const attempts = 3;

/** One endpoint for each table, and the commands. Every write goes the way of an upload of one change. */
export function restRoutes(server: ServerContext): Hono<Environment> {
  const { database, catalog } = server;
  const routes = new Hono<Environment>();

  const tableOf = (context: RequestContext): TableDefinition => {
    sessionOf(context);
    const name = context.req.param('table') ?? '';
    const table = catalog.find(name);
    if (table === undefined) throw new ProblemError(404, 'unknown-table', `There is no table ${name}.`);
    return table;
  };
  const keyOf = (context: RequestContext, table: TableDefinition): RecordKey => {
    const text = context.req.param('key') ?? '';
    const key = isUnstorable(text) ? null : parseKey(table, text);
    if (key === null) throw new ProblemError(404, 'not-found', `${table.name} has no record ${text}.`);
    return key;
  };
  const bodyOf = (context: RequestContext): Promise<Json> => readJson(context.req.raw, server.bodyLimitBytes);
  const recordOf = async (context: RequestContext): Promise<JsonObject> => {
    const body = await bodyOf(context);
    if (isJsonObject(body)) return body;
    throw new ProblemError(400, 'invalid-body', 'The body is no JSON object.');
  };

  async function find(context: RequestContext, table: TableDefinition, key: RecordKey): Promise<RowState | null> {
    const { user } = sessionOf(context);
    const set = new WorkingSet(database, user);
    await set.load(table, [key], false);
    const state = set.get(table, key).current;
    return state !== null && isReadable(state, user) ? state : null;
  }

  /** Without `If-Match`, what the request names is written over whatever is there. */
  async function write(context: RequestContext, change: WireChange): Promise<Applied> {
    const { user } = sessionOf(context);
    const checked = context.req.header('If-Match') !== undefined;
    const onConflict = Object.fromEntries(
      catalog.tables.map(({ name }) => [name, checked ? ('report' as const) : ('overwrite' as const)]),
    );
    const ledger = context.req.header('Idempotency-Key') !== undefined;
    const writing = { catalog, user, users: usersOf(context), onConflict };
    const [applied] = await applyChanges(database, writing, [change], { ledger });
    if (applied === undefined) throw new Error('A change was given no outcome.');
    return applied;
  }

  routes.get('/:table', async (context) => {
    const table = tableOf(context);
    const query = parseListQuery(table, sessionOf(context).user, new URL(context.req.url).searchParams);
    await server.loaded(table.name);
    const count = await countList(database, query);
    return new Response(textStream(listText(database, query)), {
      headers: { 'Content-Type': 'application/json', 'X-Total-Count': String(count), 'Cache-Control': 'no-cache' },
    });
  });

  routes.get('/:table/:key', async (context) => {
    const table = tableOf(context);
    const state = await find(context, table, keyOf(context, table));
    if (state === null) throw new ProblemError(404, 'not-found', `${table.name} has no such record.`);
    const etag = `"${state.version}"`;
    const headers = { ETag: etag, 'Cache-Control': 'no-cache' };
    if (context.req.header('If-None-Match') === etag) return context.body(null, 304, headers);
    return context.json(state.record, 200, headers);
  });

  routes.post('/:table', async (context) => {
    const table = tableOf(context);
    const sent = await recordOf(context);
    const mutationId = mutationIdOf(context);
    const key = keyToCreate(table, sent, context.req.header('Idempotency-Key'));
    const record = { ...sent, [table.key]: key };
    const applied = await write(context, { type: 'create', mutationId, table: table.name, key, record });
    return answerOf(applied, { table, method: 'POST' });
  });

  routes.put('/:table/:key', async (context) => {
    const table = tableOf(context);
    const key = keyOf(context, table);
    const record = await recordOf(context);
    const mutationId = mutationIdOf(context);
    const subject = { mutationId, table: table.name, key, record };
    const ledger = context.req.header('Idempotency-Key') !== undefined;
    const isNew = context.req.header('If-None-Match') === '*';
    for (let attempt = 1; ; attempt += 1) {
      const known =
        !isNew && ((await find(context, table, key)) !== null || context.req.header('If-Match') !== undefined);
      if (!known && table.serverKeys === true) {
        throw new ProblemError(404, 'not-found', `${table.name} has no such record, and makes the keys of new ones.`);
      }
      const fields = [...new Set([...Object.keys(table.columns), ...Object.keys(record)])];
      const baseVersion = baseVersionOf(context);
      const applied = await write(
        context,
        known ? { type: 'update', ...subject, fields, baseVersion } : { type: 'create', ...subject },
      );
      const { outcome } = applied;
      // A refusal that went into the ledger is final: the next attempt would only read it again.
      const moved = known ? outcome.type === 'gone' : outcome.type === 'conflict';
      if (!moved || isNew || ledger || attempt === attempts) return answerOf(applied, { table, method: 'PUT' });
    }
  });

  routes.patch('/:table/:key', async (context) => {
    const table = tableOf(context);
    const key = keyOf(context, table);
    const patch = await recordOf(context);
    const state = await find(context, table, key);
    const record = mergePatch(state?.record ?? {}, patch);
    const applied = await write(context, {
      type: 'update',
      mutationId: mutationIdOf(context),
      table: table.name,
      key,
      record,
      fields: Object.keys(patch),
      baseVersion: baseVersionOf(context),
    });
    return answerOf(applied, { table, method: 'PATCH' });
  });

  routes.delete('/:table/:key', async (context) => {
    const table = tableOf(context);
    const key = keyOf(context, table);
    const mutationId = mutationIdOf(context);
    const known = context.req.header('Idempotency-Key') !== undefined || (await find(context, table, key)) !== null;
    const baseVersion = baseVersionOf(context);
    const applied = await write(context, { type: 'delete', mutationId, table: table.name, key, baseVersion });
    if (!known && applied.outcome.type === 'applied') {
      throw new ProblemError(404, 'not-found', `${table.name} has no such record.`);
    }
    return answerOf(applied, { table, method: 'DELETE' });
  });

  /** The column that refers to a record's file, if the path names one. */
  const fileOf = (context: RequestContext, table: TableDefinition): string => {
    const column = context.req.param('command') ?? '';
    if (columnOf(table, column)?.type === 'file') return column;
    throw new ProblemError(404, 'not-found', `${table.name} has no files ${column}.`);
  };
  const referenceIn = (state: RowState | null, column: string): FileReference | null => {
    const value = state?.record[column];
    return isFileReference(value) ? value : null;
  };

  // Also answers HEAD: with `Upload-Hash`, how much of that content is here for this user.
  routes.get('/:table/:key/:command', async (context) => {
    const table = tableOf(context);
    const column = fileOf(context, table);
    const { user } = sessionOf(context);
    const asked = context.req.header('Upload-Hash');
    if (context.req.method === 'HEAD' && isContentHash(asked)) {
      const received = await receivedOf(database, { catalog, user }, [asked]);
      const isWhole = (await findFile(database, { catalog, user }, asked)) !== null;
      const offset = { 'Upload-Offset': String(Math.max(0, received.get(asked) ?? 0)) };
      return context.body(null, 200, isWhole ? { ...offset, ETag: `"${asked}"` } : offset);
    }
    const reference = referenceIn(await find(context, table, keyOf(context, table)), column);
    const file = reference === null ? null : await findFile(database, { catalog, user }, reference.hash);
    if (reference === null || file === null) {
      throw new ProblemError(404, 'not-found', `${table.name} has no such file.`);
    }
    return fileResponse(database, file, context.req.raw, reference.type);
  });

  // A client that sends `Upload-Hash` writes the record itself, afterwards; for others the record names the content at once.
  routes.put('/:table/:key/:command', async (context) => {
    const table = tableOf(context);
    const column = fileOf(context, table);
    const key = keyOf(context, table);
    const { user } = sessionOf(context);
    const expected = context.req.header('Upload-Hash') ?? null;
    if (expected !== null && !isContentHash(expected)) {
      throw new ProblemError(400, 'invalid-request', 'Upload-Hash must be 64 hex digits.');
    }
    const range = context.req.header('Content-Range');
    if (range !== undefined && expected !== null) {
      const bytes = await readBytes(context.req.raw, server.bodyLimitBytes);
      const chunk = await addChunk(server, { user, hash: expected, range, bytes });
      const offset = { 'Upload-Offset': String(Math.max(0, chunk.received)) };
      if (chunk.type === 'stored') return context.json({ hash: expected, received: chunk.received }, 200, offset);
      if (chunk.code === 'offset') return context.json({ code: chunk.code, detail: chunk.message }, 409, offset);
      throw new ProblemError(chunk.status, chunk.code, chunk.message);
    }
    if (expected === null && (await find(context, table, key)) === null) {
      throw new ProblemError(404, 'not-found', `${table.name} has no such record.`);
    }
    const whole = await addWhole(server, user, context.req.raw.body, expected);
    if (whole.type === 'refused') throw new ProblemError(whole.status, whole.code, whole.message);
    const { hash, size } = whole;
    if (expected !== null) return context.json({ hash, size });
    const type = context.req.header('Content-Type') ?? 'application/octet-stream';
    const record = { [table.key]: key, [column]: { hash, size, type } };
    const subject = { mutationId: mutationIdOf(context), table: table.name, key, record };
    const change = { type: 'update', ...subject, fields: [column], baseVersion: baseVersionOf(context) } as const;
    return answerOf(await write(context, change), { table, method: 'PUT' });
  });

  routes.post('/:table/:key/:command', async (context) => {
    const table = tableOf(context);
    const path = new URL(context.req.url).pathname;
    if (findCommand(catalog, 'POST', path) === null) {
      throw new ProblemError(404, 'not-found', `There is no command ${path}.`);
    }
    const hasBody = context.req.header('Content-Length') !== '0' && context.req.raw.body !== null;
    const body = hasBody ? await bodyOf(context) : null;
    const mutationId = mutationIdOf(context);
    const applied = await write(context, { type: 'command', mutationId, method: 'POST', path, body });
    return answerOf(applied, { table, method: 'POST', command: true });
  });
  return routes;
}

/** The request's own mutation id; without one, one that is used for this request only. */
function mutationIdOf(context: RequestContext): MutationId {
  const id = context.req.header('Idempotency-Key') ?? randomUUID();
  if (isMutationId(id) && !isUnstorable(id)) return id;
  throw new ProblemError(400, 'invalid-request', 'An Idempotency-Key has 8 to 200 characters.');
}

/** `If-Match: *` means any version. */
function baseVersionOf(context: RequestContext): string | null {
  const header = context.req.header('If-Match');
  if (header === undefined) return null;
  return /^"(\d{1,19})"$/.exec(header.trim())?.[1] ?? '';
}

/** A key made here follows from the idempotency key, so that a repeated request makes no second record. */
function keyToCreate(table: TableDefinition, sent: JsonObject, idempotencyKey: string | undefined): RecordKey {
  // Any will do: the table's sequence makes the key.
  if (table.serverKeys === true) return hasNumberKey(table) ? 0 : '';
  const key = Object.hasOwn(sent, table.key) ? sent[table.key] : undefined;
  if (typeof key === 'string' || typeof key === 'number') return key;
  if (hasNumberKey(table) || (key !== undefined && key !== null)) {
    const errors = { [table.key]: 'is required' };
    throw new ProblemError(422, 'validation', `${table.key} is required.`, { errors });
  }
  if (idempotencyKey === undefined) return randomUUID();
  const hash = createHash('sha256').update(`${table.name}/${idempotencyKey}`).digest('hex');
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`];
  return [...parts, hash.slice(20, 32)].join('-');
}
