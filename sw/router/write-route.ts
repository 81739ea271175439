import { SyncError } from '../protocol/errors.ts';
import {
  isJsonObject,
  isMutationId,
  type Json,
  type JsonObject,
  type MutationId,
  type RecordKey,
} from '../protocol/record.ts';
import type { WriteOperation } from '../store/coalesce.ts';
import type { ChangeBase } from '../store/format.ts';
import type { StoredContent } from '../store/contents.ts';
import { checkFileField, withFileOf } from '../store/file-field.ts';
import { requestRowKey } from '../store/requests.ts';
import { keyOf, type Table } from '../store/schema.ts';
import { temporaryKey } from '../store/aliases.ts';
import { writeRecord } from '../store/write.ts';
import { fetchBase, isWhole } from '../sync/fetch-base.ts';
import type { Session } from '../sync/session.ts';
import { checkSignedIn } from '../sync/signed-in.ts';
import { statusHeaders } from './answers.ts';
import { nameRequest } from './current-keys.ts';
import { writeDraftOf } from './draft-route.ts';
import { identify } from './identity.ts';
import { fromNetwork } from './network.ts';

export interface WriteContext {
  readonly session: Session;
  readonly client: string;
  readonly incarnation: string;
}

export interface WriteAnswer {
  readonly response: Response;
  /** The request's row, to be removed when the answer was handed over; null: there is none, or it is to be kept. */
  readonly requestRow: string | null;
  readonly stored: boolean;
}

const largestBody = 10 * 1024 * 1024;

export function newMutationId(session: Session): MutationId {
  const id = session.environment.newId();
  if (!isMutationId(id)) throw new TypeError('newId made no usable id');
  return id;
}

/** Reads a JSON body. Anything else is refused before anything is stored. */
export async function readBody(request: Request): Promise<{ readonly text: string; readonly value: Json }> {
  const type = request.headers.get('Content-Type') ?? '';
  if (!/^(application\/([\w.+-]+\+)?json|text\/plain)\b/i.test(type) && type !== '') {
    throw new SyncError(
      'invalid-body',
      `The body's content type is ${type}; send application/json. Nothing was stored.`,
    );
  }
  const text = await request.text();
  if (text.length > largestBody)
    throw new SyncError('too-large', 'The body is larger than 10 MiB. Nothing was stored.');
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value === 'object')
      return { text: text.trim(), value: isJsonObject(value) ? value : [] };
  } catch {
    // Said below.
  }
  throw new SyncError('invalid-body', 'The body is not a JSON object. Send one record as JSON. Nothing was stored.');
}

/** JSON merge patch (RFC 7396). */
function mergePatch(target: Json | undefined, patch: JsonObject): JsonObject {
  const merged = new Map<string, Json>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, isJsonObject(value) ? mergePatch(merged.get(name), value) : value);
  }
  return Object.fromEntries(merged);
}

export interface Prepared {
  readonly operation: WriteOperation;
  readonly key: RecordKey;
  readonly keyIsNew: boolean;
  readonly content: (view: string | null) => string;
}

function withKey(table: Table, record: JsonObject, key: RecordKey, text: string): string {
  if (Object.hasOwn(record, table.key) && record[table.key] === key) return text;
  return JSON.stringify(
    Object.fromEntries([[table.key, key] as const, ...Object.entries(record).filter(([name]) => name !== table.key)]),
  );
}

export function prepareCreate(session: Session, table: Table, record: JsonObject, text: string): Prepared {
  const given = Object.hasOwn(record, table.key) ? record[table.key] : null;
  const isGiven = given !== null && given !== undefined && given !== '';
  if (table.serverKeys) {
    if (isGiven) {
      throw new SyncError(
        'invalid-key',
        `The server makes the keys of ${table.name}; leave ${table.key} out. Nothing was stored.`,
      );
    }
    const key = temporaryKey(table, session.environment.newId());
    return { operation: 'create', key, keyIsNew: true, content: () => withKey(table, record, key, text) };
  }
  if (!isGiven && table.keyType === 'number') {
    throw new SyncError(
      'invalid-key',
      `A new record of ${table.name} needs a number in its key field ${table.key}. Nothing was stored.`,
    );
  }
  const key = isGiven ? keyOf(table, given) : session.environment.newId();
  if (key === null || (isGiven && typeof given !== table.keyType)) {
    throw new SyncError('invalid-key', `The key field ${table.key} must be a ${table.keyType}. Nothing was stored.`);
  }
  checkFileField(table, record);
  return { operation: 'create', key, keyIsNew: !isGiven, content: () => withKey(table, record, key, text) };
}

function prepare(
  session: Session,
  table: Table,
  key: RecordKey | null,
  method: string,
  body: { text: string; value: Json } | null,
): Prepared {
  if (method === 'DELETE' && key !== null) return { operation: 'delete', key, keyIsNew: false, content: () => '' };
  if (body === null || !isJsonObject(body.value)) {
    throw new SyncError('invalid-body', 'The body is not a JSON object. Send one record as JSON. Nothing was stored.');
  }
  const record = body.value;
  if (key === null) return prepareCreate(session, table, record, body.text);
  const named = Object.hasOwn(record, table.key) ? record[table.key] : key;
  if (named !== key) {
    throw new SyncError(
      'invalid-key',
      `The body's ${table.key} is not the key in the address. A record keeps its key. Nothing was stored.`,
    );
  }
  checkFileField(table, record);
  if (method === 'PUT') {
    const content = (view: string | null): string => {
      const kept = withFileOf(table, record, view);
      return withKey(table, kept, key, kept === record ? body.text : JSON.stringify(kept));
    };
    // Where the server makes the keys, a record under an unknown one cannot be made.
    return { operation: table.serverKeys ? 'update' : 'put', key, keyIsNew: false, content };
  }
  return {
    operation: 'update',
    key,
    keyIsNew: false,
    content: (view) => {
      const current: unknown = view === null ? {} : JSON.parse(view);
      return JSON.stringify(mergePatch(isJsonObject(current) ? current : {}, record));
    },
  };
}

function statusFor(method: string, created: boolean): number {
  if (method === 'DELETE') return 204;
  return created ? 201 : 200;
}

function answer(status: number, text: string | null, location: string | null, dropped: boolean): Response {
  const headers = {
    ...statusHeaders(dropped ? 'clean' : 'pending'),
    ...(location === null ? {} : { Location: location }),
  };
  if (status === 204 || text === null) return new Response(null, { status, headers });
  return new Response(text, { status, headers: { ...headers, 'Content-Type': 'application/json' } });
}

/** `POST`, `PUT`, `PATCH` and `DELETE` of a declared table: on disk before it is answered (invariant 1). */
export async function writeOne(
  context: WriteContext,
  table: Table,
  key: RecordKey | null,
  request: Request,
): Promise<WriteAnswer> {
  const { session } = context;
  if (table.scope === 'online') {
    return { response: await fromNetwork(session, request, 'online-only'), requestRow: null, stored: false };
  }
  if (table.direction === 'down')
    throw new SyncError('unsupported', `${table.name} is only downloaded; it cannot be written here.`);
  checkSignedIn(session);
  const body = request.method === 'DELETE' ? null : await readBody(request);
  const prepareNamed = async (): Promise<NamedWrite> => {
    const { key: current, body: named, aliases } = await nameRequest(session, table, key, body);
    return {
      ...prepare(session, table, current, request.method, named),
      ...(aliases === undefined ? {} : { aliases }),
    };
  };
  const source = { request, body: body?.text ?? '', prepareAgain: prepareNamed };
  return commitWrite(context, table, await prepareNamed(), source);
}

interface NamedWrite extends Prepared {
  /** As `RecordWrite.aliases`. */
  readonly aliases?: number;
}

export interface WriteSource {
  readonly request: Request;
  /** What tells the request from others: its body, or the body's hash. */
  readonly body: string;
  readonly file?: StoredContent;
  /** For when a record that the write names got another key before it was stored. */
  readonly prepareAgain?: () => Promise<NamedWrite>;
}

/** Stores a prepared write, and answers it once it is on disk. */
export async function commitWrite(
  context: WriteContext,
  table: Table,
  given: NamedWrite,
  { request, body, file, prepareAgain }: WriteSource,
): Promise<WriteAnswer> {
  const { session } = context;
  const identity = identify(request, body, { ...context, dispatch: session.environment.newId() });
  let prepared = given;
  let fetched: ChangeBase | null | undefined = isWhole(table) ? null : undefined;
  for (;;) {
    const location = `${table.path}/${encodeURIComponent(String(prepared.key))}`;
    if (request.headers.get('Sync-Draft') === 'true') {
      return writeDraftOf(session, table, {
        ...prepared,
        location,
        request: identity,
        mutationId: newMutationId(session),
      });
    }
    const result = await writeRecord(
      session.database,
      session.base,
      {
        table: table.name,
        ...prepared,
        ...(fetched === undefined ? {} : { fetched }),
        ...(file === undefined ? {} : { file }),
        mutationId: newMutationId(session),
        schema: session.schema.version,
        request: identity,
        answer: ({ created, text }) => {
          const status = statusFor(request.method, created);
          return { status, body: text, location: created ? location : null };
        },
      },
      session.environment.now(),
    );
    switch (result.type) {
      case 'stored': {
        const status = statusFor(request.method, result.created);
        session.announce({
          type: 'changed',
          source: 'local',
          tables: {
            [table.name]:
              request.method === 'DELETE'
                ? { changed: [], removed: [prepared.key] }
                : { changed: [prepared.key], removed: [] },
          },
        });
        const response = answer(status, result.text, result.created ? location : null, result.dropped);
        return { response, requestRow: identity.explicit ? null : requestRowKey(identity), stored: true };
      }
      case 'repeated': {
        const { status, body: text, location: at, fingerprint, explicit } = result.row;
        return { response: answer(status, text, at, false), requestRow: explicit ? null : fingerprint, stored: true };
      }
      case 'refused':
        throw new SyncError(
          result.code,
          result.code === 'exists'
            ? `There is a record ${String(prepared.key)} in ${table.name} already. Nothing was stored; use PUT to replace it.`
            : `There is no record ${String(prepared.key)} in ${table.name}. Nothing was stored.`,
        );
      case 'request-changed':
        throw new SyncError(
          'request-changed',
          'This Idempotency-Key was used for another request. Nothing was stored; take a new key.',
        );
      case 'renamed':
        if (prepareAgain !== undefined) prepared = await prepareAgain();
        break;
      case 'unknown-base':
        // A create under a key of the app's own need not wait: the server says if the key is taken.
        fetched = prepared.operation === 'create' ? null : await fetchBase(session, table, prepared.key);
    }
  }
}
