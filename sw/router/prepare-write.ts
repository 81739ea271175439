import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, type Json, type JsonObject, type RecordKey } from '../protocol/record.ts';
import { temporaryKey } from '../store/aliases.ts';
import type { WriteOperation } from '../store/coalesce.ts';
import { checkFileField, withFileOf } from '../store/file-field.ts';
import { checkAddressable, keyOf, type Table } from '../store/schema.ts';
import type { Session } from '../sync/session.ts';

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
    checkFileField(table, record);
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
  checkAddressable(table, key);
  checkFileField(table, record);
  return { operation: 'create', key, keyIsNew: !isGiven, content: () => withKey(table, record, key, text) };
}

/** What a write of a declared table is to store; null for the key of a `POST`. */
export function prepareWrite(
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
