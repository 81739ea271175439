import type { QueryAnswer, QueryFacts } from '../sw/protocol/query.ts';
import { isJsonObject, isRecordKey, type JsonRecord, type RecordKey } from '../sw/protocol/record.ts';

/** A page of a table's records as they are here: changes over the last copy from the server. */
export interface QueryResult extends QueryFacts {
  readonly records: readonly JsonRecord[];
}

export function toQueryResult(answer: QueryAnswer): QueryResult {
  const { total, statuses, notSynchronized, warnings, complete, downloadedAt } = answer;
  const records: unknown = JSON.parse(answer.text);
  const facts = { total, statuses, notSynchronized, warnings, complete, downloadedAt };
  return { ...facts, records: Array.isArray(records) ? records.filter(isJsonObject) : [] };
}

export function keyIn(record: JsonRecord, keyField: string): RecordKey | null {
  const key = Object.hasOwn(record, keyField) ? record[keyField] : null;
  return isRecordKey(key) ? key : null;
}
