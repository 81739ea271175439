import { KeyNames } from '../../../sw/protocol/key-names.ts';
import { isJsonObject, isRecordKey, type JsonObject, type RecordKey } from '../../../sw/protocol/record.ts';
import { referenceTables } from './tables.ts';

/** A new record that came under a temporary key. */
export interface MadeKey {
  readonly table: string;
  readonly device: string;
  readonly temporary: RecordKey;
  readonly key: RecordKey;
}

/** The keys that the server has made for new records (U-08), and what came under the temporary ones again. */
export class ServerKeys {
  readonly made: MadeKey[] = [];
  /** Temporary keys of records that were made in an earlier upload, which nothing but a repeat of that one may name. */
  readonly late: MadeKey[] = [];
  #names = new KeyNames();
  #last = 0;

  next(): RecordKey {
    this.#last += 1;
    return this.#last;
  }

  note(made: MadeKey): void {
    this.made.push(made);
    this.#names.add(made.table, made.temporary, made.key);
  }

  /** Takes back all but the first keys that were made. */
  keep(count: number): void {
    this.made.splice(count);
    this.#names = new KeyNames();
    for (const { table, temporary, key } of this.made) this.#names.add(table, temporary, key);
  }

  /** Under which key a record goes on the server. */
  of(table: string, key: RecordKey): RecordKey {
    return this.#names.of(table, key);
  }

  /** What a change of an upload means, in which the new records of `names` came before it. */
  named(names: KeyNames, change: JsonObject): JsonObject {
    const { table: name, key, record, path, body } = change;
    if (change['type'] === 'command') {
      return { ...change, path: typeof path === 'string' ? names.inPath(path) : '', body: names.inJson(body ?? null) };
    }
    const table = typeof name === 'string' ? referenceTables[name] : undefined;
    if (table === undefined || typeof name !== 'string' || !isRecordKey(key)) return change;
    const fields = Object.entries(table.references).map(([field, parent]) => ({ field, table: parent }));
    const named = { ...change, key: names.of(name, key) };
    const result = isJsonObject(record)
      ? { ...named, record: names.inRecord(record, [...fields, { field: table.key, table: name }]) }
      : named;
    this.#notice({ table: name, key: named.key }, isJsonObject(record) ? result : null, fields);
    return result;
  }

  #notice(
    target: { readonly table: string; readonly key: RecordKey },
    change: JsonObject | null,
    fields: readonly { readonly field: string; readonly table: string }[],
  ): void {
    const record = isJsonObject(change?.['record']) ? change['record'] : {};
    const refs = fields.flatMap(({ field, table }) => {
      const key = record[field];
      return isRecordKey(key) ? [{ table, key }] : [];
    });
    for (const ref of [target, ...refs]) {
      const made = this.made.find(({ table, temporary }) => table === ref.table && temporary === ref.key);
      if (made !== undefined) this.late.push(made);
    }
  }
}
