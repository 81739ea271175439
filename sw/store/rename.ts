import { addAliases } from './aliases.ts';
import type { Base } from './base.ts';
import { rowsBetween, rowsOf } from './changes.ts';
import type { WriteTransaction } from './database.ts';
import type { ChangeRow, StoreName } from './format.ts';
import { packMarks, readMarks, writeMarks } from './marks.ts';
import { rebase } from './rebase.ts';
import type { Schema, Table } from './schema.ts';
import { KeyNames } from '../protocol/key-names.ts';
import { compareKeys, isJsonObject, type JsonObject, type RecordKey } from '../protocol/record.ts';

/** What `renameRecords` writes to. */
export const renameScope: StoreName[] = [
  'aliases',
  'changes',
  'commands',
  'drafts',
  'failures',
  'heads',
  'marks',
  'meta',
  'selected',
];

export interface Rename {
  readonly table: string;
  readonly from: RecordKey;
  readonly to: RecordKey;
}

export function namesOf(renames: readonly Rename[]): KeyNames {
  const names = new KeyNames();
  for (const { table, from, to } of renames) names.add(table, from, to);
  return names;
}

function renameText(table: Table, names: KeyNames, text: string): string {
  const record: unknown = JSON.parse(text);
  if (!isJsonObject(record)) return text;
  const renamed = names.inRecord(record, [...table.references, { field: table.key, table: table.name }]);
  return renamed === record ? text : JSON.stringify(renamed);
}

interface NamedRow {
  readonly key: RecordKey;
  readonly text: string | null;
  readonly base: { readonly text: string; readonly version: string | null } | null;
}

/** The same object if it names none of the records. */
function renameRow<Row extends NamedRow>(table: Table, names: KeyNames, row: Row): Row {
  const key = names.of(table.name, row.key);
  const text = row.text === null ? null : renameText(table, names, row.text);
  const baseText = row.base === null ? null : renameText(table, names, row.base.text);
  if (key === row.key && text === row.text && baseText === (row.base?.text ?? null)) return row;
  return { ...row, key, text, base: row.base === null || baseText === null ? null : { ...row.base, text: baseText } };
}

/** The same object if it waits for none of the records. */
function renameReason<Row extends Pick<ChangeRow, 'reason' | 'waitsFor'>>(names: KeyNames, row: Row): Row {
  const { reason, waitsFor } = row;
  if (reason?.references === undefined) return row;
  const { table, key } = reason.references;
  const current = names.of(table, key);
  if (current === key) return row;
  const named = { ...row, reason: { ...reason, references: { table, key: current } } };
  return waitsFor === undefined ? named : { ...named, waitsFor: [table, current] };
}

async function renameChanges(
  tx: WriteTransaction,
  schema: Schema,
  names: KeyNames,
  renames: readonly Rename[],
): Promise<void> {
  const changes = tx.objectStore('changes');
  const renamed = new Set(renames.map((rename) => rename.table));
  for (const table of schema.tables.values()) {
    const refers = table.references.some((reference) => renamed.has(reference.table));
    if (!refers && !renamed.has(table.name)) continue;
    const own = renames.filter((rename) => rename.table === table.name);
    const rows = refers
      ? await rowsBetween(tx, table.name, null, null)
      : (await Promise.all(own.map(({ from }) => rowsOf(tx, table.name, from)))).flat();
    const writes: Promise<unknown>[] = [];
    for (const row of rows) {
      const next = renameRow(table, names, row);
      if (next === row) continue;
      if (next.key !== row.key) writes.push(changes.delete([row.table, row.key, row.seq]));
      writes.push(changes.put(next));
    }
    await Promise.all(writes);
    await renameDrafts(tx, table, names);
  }
  await renameWaiting(tx, names, renames);
}

/** Changes of any table may wait for one of the records: members of a group, and what was made after a command (N-6a, N-7). */
async function renameWaiting(tx: WriteTransaction, names: KeyNames, renames: readonly Rename[]): Promise<void> {
  const changes = tx.objectStore('changes');
  const waiting = await Promise.all(
    renames.map(({ table, from }) => changes.index('waitsFor').getAll(IDBKeyRange.only([table, from]))),
  );
  await Promise.all(waiting.flat().map((row) => changes.put(renameReason(names, row))));
}

/** A draft that was begun under each key of a record: what both changed, the later one over the other. */
function asOneDraft(one: ChangeRow, other: ChangeRow): ChangeRow {
  const [first, last] = one.madeAt <= other.madeAt ? [one, other] : [other, one];
  if (first.text === null || last.text === null || last.base === null) return last;
  return { ...last, text: rebase(first.text, last.base.text, last.text), base: first.base };
}

async function renameDrafts(tx: WriteTransaction, table: Table, names: KeyNames): Promise<void> {
  const store = tx.objectStore('drafts');
  const drafts = await store.getAll(IDBKeyRange.bound([table.name], [table.name, []]));
  const byKey = new Map<RecordKey, ChangeRow>();
  for (const draft of drafts) {
    const next = renameRow(table, names, draft);
    const there = byKey.get(next.key);
    const current = there === undefined ? next : asOneDraft(there, next);
    byKey.set(next.key, current);
    if (next.key !== draft.key) await store.delete([table.name, draft.key]);
    if (current !== draft) await store.put(current);
  }
}

async function renameCommands(tx: WriteTransaction, names: KeyNames): Promise<void> {
  const store = tx.objectStore('commands');
  for (const row of await store.getAll()) {
    const next = {
      ...renameReason(names, row),
      path: names.inPath(row.path),
      body: names.inJson(row.body),
      names: row.names.map(({ table, key }) => ({ table, key: names.of(table, key) })),
    };
    if (JSON.stringify(next) !== JSON.stringify(row)) await store.put(next);
  }
}

/** A command as a failure or a batch holds it. */
function renameRequest(names: KeyNames, { path, body, ...rest }: JsonObject): JsonObject {
  return { ...rest, path: typeof path === 'string' ? names.inPath(path) : null, body: names.inJson(body ?? null) };
}

/** The change of a failure says what it refers to as the failure does. */
async function renameRejected(tx: WriteTransaction, names: KeyNames, seq: number): Promise<void> {
  const changes = tx.objectStore('changes');
  const row = await changes.index('seq').get(seq);
  const next = row === undefined ? row : renameReason(names, row);
  if (next !== undefined && next !== row) await changes.put(next);
}

async function renameFailures(tx: WriteTransaction, schema: Schema, names: KeyNames): Promise<void> {
  const store = tx.objectStore('failures');
  for (const row of await store.getAll()) {
    const table = schema.tables.get(row.table);
    const rename = (value: unknown): unknown => {
      if (!isJsonObject(value)) return value;
      if (row.operation === 'command') return renameRequest(names, value);
      return table === undefined
        ? value
        : names.inRecord(value, [...table.references, { field: table.key, table: table.name }]);
    };
    const next = {
      ...row,
      key: names.of(row.table, row.key),
      content: rename(row.content),
      base: rename(row.base),
      ...(row.references === undefined
        ? {}
        : { references: { ...row.references, key: names.of(row.references.table, row.references.key) } }),
    };
    if (JSON.stringify(next) !== JSON.stringify(row)) await store.put(next);
    if (row.references !== undefined && row.seq !== null) await renameRejected(tx, names, row.seq);
  }
}

async function renameMarks(tx: WriteTransaction, base: Base, names: KeyNames, tables: Iterable<string>): Promise<void> {
  for (const table of tables) {
    let head = await base.readHead(tx, table);
    for (const kind of ['send', 'hold'] as const) {
      const keys = await readMarks(tx, base, head, kind);
      // A record may have been marked under both of its keys.
      const renamed = new Set(keys.map((key) => names.of(table, key)));
      if (keys.every((key) => renamed.has(key))) continue;
      head = await writeMarks(tx, head, { [kind]: packMarks(kind, [...renamed].sort(compareKeys)) });
    }
  }
}

/** A run goes on with the records that were selected, and its result names them, under the keys of now. */
async function renameSelected(tx: WriteTransaction, names: KeyNames): Promise<void> {
  const store = tx.objectStore('selected');
  for (const key of await store.getAllKeys()) {
    const part = await store.get(key);
    if (part === undefined) continue;
    const keys = part.keys.map((selected) => names.of(part.table, selected));
    if (keys.some((selected, index) => selected !== part.keys[index])) await store.put({ ...part, keys }, key);
  }
}

/**
 * Puts the server's keys in the place of temporary ones, wherever these are named (U-08): records, references, changes,
 * commands, drafts, marks, failures and the selection of the open run, in the transaction that stores the server's answer. The old keys stay as aliases.
 */
export async function renameRecords(
  tx: WriteTransaction,
  { schema, base }: { readonly schema: Schema; readonly base: Base },
  renames: readonly Rename[],
): Promise<void> {
  if (renames.length === 0) return;
  const names = namesOf(renames);
  await renameChanges(tx, schema, names, renames);
  await renameCommands(tx, names);
  await renameFailures(tx, schema, names);
  await renameMarks(tx, base, names, new Set(renames.map((rename) => rename.table)));
  await renameSelected(tx, names);
  await addAliases(tx, renames);
}

/** The body of a batch of which a part was answered, with the server's keys; what was sent named the same ones. */
export function renameWireChange(schema: Schema, names: KeyNames, change: unknown): unknown {
  if (!isJsonObject(change)) return change;
  const { type, table: name, key, record } = change;
  if (type === 'command') return renameRequest(names, change);
  const table = typeof name === 'string' ? schema.tables.get(name) : undefined;
  if (table === undefined || (typeof key !== 'string' && typeof key !== 'number')) return change;
  const current = { ...change, key: names.of(table.name, key) };
  if (!isJsonObject(record)) return current;
  return { ...current, record: names.inRecord(record, [...table.references, { field: table.key, table: table.name }]) };
}
