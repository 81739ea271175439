import { isJsonObject, type JsonRecord } from '../../../sw/protocol/record.ts';

/** The record in a row's `_text`. */
export function parseRecord(text: string): JsonRecord {
  const record: unknown = JSON.parse(text);
  if (!isJsonObject(record)) throw new Error('A stored record is no JSON object.');
  return record;
}

const unstorable = /\0|\p{Surrogate}/u;

/**
 * Whether PostgreSQL's text cannot hold a value as it is: it has U+0000 or half of a surrogate pair. A record's JSON can,
 * as an escape.
 */
export function isUnstorable(value: string): boolean {
  return unstorable.test(value);
}

/** The nearest that a column can hold; for filters only, the record keeps the value itself. */
export function storable(value: string): string {
  return isUnstorable(value) ? value.replace(/\0|\p{Surrogate}/gu, '\uFFFD') : value;
}
