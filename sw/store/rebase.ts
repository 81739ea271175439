import { isJsonObject, type Json, type JsonObject } from '../protocol/record.ts';

/** Parses a stored record. What is stored was checked when it came in. */
export function parseStored(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

function itemOf(list: readonly Json[], index: number): Json | undefined {
  return list[index];
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value: Json, index) => isSame(value, itemOf(b, index)));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}

function own(record: JsonObject, field: string): Json | undefined {
  return Object.hasOwn(record, field) ? record[field] : undefined;
}

/** The fields in which two copies of a record differ, those that only one of them has included. */
export function differingFields(from: JsonObject, to: JsonObject): readonly string[] {
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...names].filter((name) => !isSame(own(from, name), own(to, name)));
}

/** A copy of `target` that has the named fields as `source` has them; those that `source` lacks are removed. */
export function withFieldsOf(target: JsonObject, source: JsonObject, fields: readonly string[]): JsonObject {
  // A map, since a plain object would take `__proto__` for its prototype.
  const merged = new Map<string, Json>(Object.entries(target));
  for (const field of fields) {
    const value = own(source, field);
    if (value === undefined) merged.delete(field);
    else merged.set(field, value);
  }
  return Object.fromEntries(merged);
}

/** The server's copy with what the user changed since: the fields in which `to` differs from `from` (U-04). */
export function rebase(server: string, from: string, to: string): string {
  const target = parseStored(to);
  const fields = differingFields(parseStored(from), target);
  return fields.length === 0 ? server : JSON.stringify(withFieldsOf(parseStored(server), target, fields));
}
