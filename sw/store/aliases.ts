import type { AnyTransaction, WriteTransaction } from './database.ts';
import { getMeta, setMeta } from './meta.ts';
import type { CommandRow } from './format.ts';
import { decoded, keyOf, type Schema, type Table } from './schema.ts';
import { KeyNames, type KeyField } from '../protocol/key-names.ts';
import { isRecordKey, type Json, type JsonObject, type RecordKey } from '../protocol/record.ts';

/** The key under which a record goes until the server has made its own: no server makes such a one. */
export function temporaryKey(table: Table, newId: string): RecordKey {
  if (table.keyType === 'string') return newId;
  const random = Number.parseInt(newId.replaceAll('-', '').slice(-12), 16);
  if (Number.isNaN(random)) throw new TypeError('newId made no usable id');
  return -1 - random;
}

/** Whether a key of the table may be one that stood in for the server's. */
function mayBeAlias(table: Table, key: RecordKey): boolean {
  return table.serverKeys && (typeof key === 'string' || key < 0);
}

/** The fields of a table's records that may name a record by a temporary key: its own key, and its references. */
export function aliasFields(schema: Schema, table: Table): readonly KeyField[] {
  const references = table.references.filter((reference) => schema.tables.get(reference.table)?.serverKeys === true);
  return table.serverKeys ? [{ field: table.key, table: table.name }, ...references] : references;
}

/** The key under which a record is known now (U-08). The transaction's scope must hold `aliases`. */
export async function currentKey(tx: AnyTransaction, table: Table, key: RecordKey): Promise<RecordKey> {
  if (!mayBeAlias(table, key)) return key;
  return (await tx.objectStore('aliases').get([table.name, key]))?.to ?? key;
}

/** How many keys were replaced so far: what was looked up stays right while this stays the same. */
export async function countAliases(tx: AnyTransaction): Promise<number> {
  return (await getMeta(tx, 'aliases')) ?? 0;
}

/** The keys in a record as they are known now. The same object if none has changed. */
export async function withCurrentKeys(
  tx: AnyTransaction,
  schema: Schema,
  table: Table,
  record: JsonObject,
): Promise<JsonObject> {
  const fields = aliasFields(schema, table);
  const names = new KeyNames();
  for (const { field, table: name } of fields) {
    const key = Object.hasOwn(record, field) ? record[field] : null;
    const other = schema.tables.get(name);
    if (!isRecordKey(key) || other === undefined) continue;
    const current = await currentKey(tx, other, key);
    if (current !== key) names.add(name, key, current);
  }
  return names.inRecord(record, fields);
}

function scalarsIn(value: Json): readonly RecordKey[] {
  if (isRecordKey(value)) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((inner: Json) => scalarsIn(inner));
}

/** A command with the keys that the records in its path and body have now. */
export async function withCurrentCommand<Command extends Pick<CommandRow, 'path' | 'body' | 'names'>>(
  tx: AnyTransaction,
  schema: Schema,
  command: Command,
): Promise<Command> {
  const tables = [...schema.tables.values()].filter((table) => table.serverKeys);
  if (tables.length === 0 || (await countAliases(tx)) === 0) return command;
  const names = new KeyNames();
  const parts = command.path.split(/[/?&=]/).flatMap((part) => decoded(part) ?? []);
  for (const table of tables) {
    const keys = [...parts.flatMap((part) => keyOf(table, part) ?? []), ...scalarsIn(command.body)];
    for (const key of new Set(keys)) {
      if (typeof key !== table.keyType) continue;
      const current = await currentKey(tx, table, key);
      if (current !== key) names.add(table.name, key, current);
    }
  }
  return {
    ...command,
    path: names.inPath(command.path),
    body: names.inJson(command.body),
    names: command.names.map(({ table, key }) => ({ table, key: names.of(table, key) })),
  };
}

/** Remembers for good what temporary keys have become. */
export async function addAliases(
  tx: WriteTransaction,
  renames: readonly { readonly table: string; readonly from: RecordKey; readonly to: RecordKey }[],
): Promise<void> {
  await Promise.all(renames.map((rename) => tx.objectStore('aliases').put(rename)));
  await setMeta(tx, 'aliases', (await countAliases(tx)) + renames.length);
}
