import { isJsonObject, isRecordKey, type Json, type JsonObject, type RecordKey } from './record.ts';

function idOf(table: string, key: RecordKey): string {
  return `${table}\u0000${typeof key}\u0000${key}`;
}

/** A field that holds a key of another table. */
export interface KeyField {
  readonly field: string;
  readonly table: string;
}

/** What temporary keys have become (U-08). Temporary keys are made at random, so that no other value is equal to one. */
export class KeyNames {
  readonly #byRecord = new Map<string, RecordKey>();
  readonly #byText = new Map<string, RecordKey>();

  get size(): number {
    return this.#byRecord.size;
  }

  add(table: string, from: RecordKey, to: RecordKey): void {
    this.#byRecord.set(idOf(table, from), to);
    this.#byText.set(String(from), to);
  }

  /** The key under which a record goes now. */
  of(table: string, key: RecordKey): RecordKey {
    return this.#byRecord.get(idOf(table, key)) ?? key;
  }

  /** Replaces the keys in the named fields of a record; the same object if there are none to replace. */
  inRecord(record: JsonObject, fields: readonly KeyField[]): JsonObject {
    const replaced = new Map<string, Json>();
    for (const { field, table } of fields) {
      const key = Object.hasOwn(record, field) ? record[field] : null;
      if (!isRecordKey(key)) continue;
      const name = this.of(table, key);
      if (name !== key) replaced.set(field, name);
    }
    if (replaced.size === 0) return record;
    return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, replaced.get(name) ?? value]));
  }

  /** Replaces keys wherever they stand in a command's body. */
  inJson(value: Json): Json {
    if (isRecordKey(value)) {
      const name = this.#byText.get(String(value));
      return name === undefined ? value : name;
    }
    if (Array.isArray(value)) return value.map((inner: Json) => this.inJson(inner));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, this.inJson(inner)]));
  }

  /** Replaces keys in the segments of a path and in the values of its query. */
  inPath(path: string): string {
    const [pathname = '', query] = path.split(/\?(.*)/s);
    const named = pathname.split('/').map((segment) => this.#inText(segment));
    if (query === undefined) return named.join('/');
    const pairs = query.split('&').map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? pair : `${pair.slice(0, at + 1)}${this.#inText(pair.slice(at + 1))}`;
    });
    return `${named.join('/')}?${pairs.join('&')}`;
  }

  #inText(text: string): string {
    let decoded: string;
    try {
      decoded = decodeURIComponent(text);
    } catch {
      return text;
    }
    const name = this.#byText.get(decoded);
    return name === undefined ? text : encodeURIComponent(name);
  }
}
