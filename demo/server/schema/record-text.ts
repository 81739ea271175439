import { isJsonObject, type Json, type JsonRecord } from '../../../sw/protocol/record.ts';

/** JSON.parse gives nothing else; `__proto__` is an own member like any other. */
function isParsedJson(value: unknown): value is Json {
  return value !== undefined;
}

export function parseJson(text: string): Json {
  const value: unknown = JSON.parse(text);
  if (!isParsedJson(value)) throw new SyntaxError('The text is no JSON.');
  return value;
}

/** The record in a row's `_text`. */
export function parseRecord(text: string): JsonRecord {
  const record = parseJson(text);
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
