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

interface Place {
  readonly table: BackendTable;
  readonly key: RecordKey;
  readonly versionOf: VersionOf;
}

/** Null: the record is not there. An answer: the server does not let it be read. Anything else is an error. */
export async function lookUp(
  client: RestClient,
  { table, key, versionOf }: Place,
  call: BackendCall,
): Promise<VersionedRecord | RestAnswer | null> {
  const url = client.urlOf(table, key);
  const answer = await client.send({ method: 'GET', url }, call);
  const { ok, status, problem } = answer;
  if (!ok) {
    if (problem['code'] === 'unknown-table') throw await answer.error();
    return status === 404 || status === 410 ? null : answer;
  }
  const found = recordIn(answer, table, versionOf);
  if (found === null || !isSameKey(found.record[table.key], key)) throw notRecords(url, 'the record');
  return found;
}

/** Null: deleted, or not readable. An answer that is neither that nor a record is an error. */
export async function getRecord(client: RestClient, place: Place, call: BackendCall): Promise<VersionedRecord | null> {
  const found = await lookUp(client, place, call);
  if (found === null || 'record' in found) return found;
  if (found.status !== 403) throw await found.error();
  return null;
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
