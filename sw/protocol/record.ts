/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [field: string]: Json;
}

/** A record of a table: a JSON object with the table's key field. */
export type JsonRecord = JsonObject;

/** A record's primary key; of the key column's type, else a string. */
export type RecordKey = string | number;

declare const brand: unique symbol;

/** Identity of one version of a change; its idempotency key, the same on every attempt. */
export type MutationId = string & { readonly [brand]: 'MutationId' };
/** Identity of one synchronization. */
export type RunId = string & { readonly [brand]: 'RunId' };

export function isMutationId(value: unknown): value is MutationId {
  return typeof value === 'string' && value.length >= 8 && value.length <= 200;
}

export function isRunId(value: unknown): value is RunId {
  return typeof value === 'string' && value.length >= 8 && value.length <= 200;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const deepest = 100;

/** Whether lists and objects lie in each other 100 deep at most: what works through a value calls itself for each level. */
export function isShallow(value: unknown, depth: number = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth <= deepest && Object.values(value).every((item) => isShallow(item, depth + 1));
}

export function isRecordKey(value: unknown): value is RecordKey {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
}

/** The order of keys in storage: numbers before strings, strings by UTF-16 code unit, as IndexedDB sorts them. */
export function compareKeys(a: RecordKey, b: RecordKey): number {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  if (a < b) return -1;
  return a > b ? 1 : 0;
}
