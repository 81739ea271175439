import type { SyncError } from '../protocol/errors.ts';
import type { JsonRecord, RecordKey } from '../protocol/record.ts';
import { decoded } from '../store/schema.ts';
import type { BackendTable } from './backend.ts';
import { notOurServer } from './http.ts';
import type { RecordChange } from './rest-change.ts';
import type { RestAnswer } from './rest-request.ts';

/** An empty 200 may be anybody's, as that of a network whose page was not opened yet (A-R1). */
export function isWord({ json, status }: RestAnswer): boolean {
  return json !== undefined || [201, 204, 205].includes(status);
}

export function noWord({ headers }: RestAnswer): SyncError {
  return notOurServer(new Response(null, { headers }), 'JSON, 201 or 204');
}

/** The key in the address of a new record, which an answer gives; null if there is none. */
export function keyAt(answer: RestAnswer, table: BackendTable): RecordKey | null {
  const location =
    answer.headers
      .get('Location')
      ?.replace(/[?#].*$/s, '')
      .replace(/\/+$/, '') ?? '';
  const last = location.slice(location.lastIndexOf('/') + 1);
  // Some give the address of the list.
  if (location.endsWith(table.path)) return null;
  if (last === '') return null;
  if (table.keyType === 'string') return decoded(last);
  return /^\d+$/.test(last) ? Number(last) : null;
}

export function hasFields(record: JsonRecord, sent: JsonRecord, fields: readonly string[]): boolean {
  return fields.every((field) => JSON.stringify(record[field] ?? null) === JSON.stringify(sent[field] ?? null));
}

/** The fields that a change has sent. */
export function fieldsOf(change: Exclude<RecordChange, { readonly type: 'delete' }>): readonly string[] {
  return change.type === 'create' ? Object.keys(change.record) : change.fields;
}

/** Nobody else makes a record under such a key. */
export function isRandom(key: RecordKey): boolean {
  return /^[\da-f-]{36}$/i.test(String(key));
}
