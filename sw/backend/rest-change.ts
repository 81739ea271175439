import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isMutationId, isRecordKey, type JsonObject } from '../protocol/record.ts';
import type { WireChange } from '../protocol/wire.ts';

export type RecordChange = Exclude<WireChange, { readonly type: 'command' }>;
export type Command = Extract<WireChange, { readonly type: 'command' }>;

function isWireChange(value: unknown): value is WireChange {
  if (!isJsonObject(value) || !isMutationId(value['mutationId'])) return false;
  const { type, table, key, record, fields, method, path } = value;
  if (type === 'command') return typeof method === 'string' && typeof path === 'string';
  if (typeof table !== 'string' || !isRecordKey(key)) return false;
  if (type === 'delete') return true;
  return isJsonObject(record) && (type === 'create' || (type === 'update' && Array.isArray(fields)));
}

interface StoredUpload {
  readonly changes: readonly WireChange[];
  readonly onConflict: JsonObject;
}

/** Reads a batch's body as `encodeUpload` made it. */
export function parseUpload(body: string): StoredUpload {
  const value: unknown = JSON.parse(body);
  const changes: unknown = isJsonObject(value) ? value['changes'] : undefined;
  const onConflict = isJsonObject(value) ? value['onConflict'] : undefined;
  if (Array.isArray(changes) && changes.every(isWireChange) && isJsonObject(onConflict)) return { changes, onConflict };
  throw new SyncError(
    'storage',
    'A stored batch is not one of this backend. Was the backend changed with changes under way?',
  );
}
