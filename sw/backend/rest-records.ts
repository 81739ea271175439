import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isRecordKey, type Json, type JsonRecord, type RecordKey } from '../protocol/record.ts';
import type { BackendCall, BackendTable } from './backend.ts';
import type { RestAnswer, RestClient } from './rest-request.ts';

export type VersionOf = (record: JsonRecord) => string | null;

export interface VersionedRecord {
  readonly record: JsonRecord;
  readonly version: string | null;
}

/** The content of a strong `ETag`. A weak one never satisfies `If-Match`, so it is no version. RFC 9110, 8.8.3. */
function etagOf(headers: Headers): string | null {
  return /^"(.*)"$/.exec(headers.get('ETag')?.trim() ?? '')?.[1] ?? null;
}

/** The record that an answer holds, if it holds one of the table. */
export function recordIn(answer: RestAnswer, table: BackendTable, versionOf: VersionOf): VersionedRecord | null {
  const { json, headers } = answer;
  if (!answer.ok || !isJsonObject(json) || !isRecordKey(json[table.key])) return null;
  return { record: json, version: etagOf(headers) ?? versionOf(json) };
}

/** A path has no types: 7 and '7' are the same record there. */
export function isSameKey(a: Json | undefined, b: RecordKey): boolean {
  return isRecordKey(a) && String(a) === String(b);
}

/** Null: deleted, or not readable. An answer that is neither that nor a record is an error. */
export async function getRecord(
  client: RestClient,
  { table, key, versionOf }: { readonly table: BackendTable; readonly key: RecordKey; readonly versionOf: VersionOf },
  call: BackendCall,
): Promise<VersionedRecord | null> {
  const url = client.urlOf(table, key);
  const answer = await client.send({ method: 'GET', url }, call);
  if ([403, 404, 410].includes(answer.status) && answer.problem['code'] !== 'unknown-table') return null;
  if (!answer.ok) throw await answer.error();
  const found = recordIn(answer, table, versionOf);
  if (found === null || !isSameKey(found.record[table.key], key)) throw notRecords(url, 'the record');
  return found;
}

export function notRecords(url: string, due: string): SyncError {
  return new SyncError('not-our-server', `${url} answered something else than ${due}. Nothing of it was stored.`, {
    retryable: true,
    details: { url },
  });
}

/** The merge patch that makes `to` of `from`: an object is merged, so what it no longer has must be named. RFC 7396. */
export function patchValue(from: Json | undefined, to: Json | undefined): Json {
  if (to === undefined) return null;
  if (!isJsonObject(to) || !isJsonObject(from)) return to;
  const names = new Set([...Object.keys(to), ...Object.keys(from)]);
  return Object.fromEntries([...names].map((name) => [name, patchValue(from[name], to[name])]));
}
