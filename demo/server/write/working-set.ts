import { isRecordKey, type JsonRecord, type RecordKey } from '../../../sw/protocol/record.ts';
import { type Queryable, quoteName, type SqlRow, textOf } from '../database/database.ts';
import { parseRecord } from '../schema/record-text.ts';
import type { TableDefinition } from '../schema/table-definition.ts';

/** One state of a row. States are never edited: another state takes its place. */
export interface RowState {
  readonly owner: string;
  readonly version: bigint;
  readonly edited: bigint;
  readonly record: JsonRecord;
}

/** An empty owner stands for everyone. */
export function isReadable(state: RowState, user: string): boolean {
  return state.owner === '' || state.owner === user;
}

/** A row that this transaction has looked at: as the database has it, and as it will have it. */
export interface Entry {
  readonly table: TableDefinition;
  readonly key: RecordKey;
  /** In the database, or null: no such row there. */
  stored: RowState | null;
  current: RowState | null;
  /** What the change of `stored` to `current` is due to: a user's edit, else only to what is computed. */
  edited: boolean;
}

/**
 * The rows that a group of changes touches, loaded at once, changed in memory, and written at once. Within it each change
 * sees the ones before it.
 */
export class WorkingSet {
  readonly #tx: Queryable;
  readonly #user: string;
  readonly #entries = new Map<TableDefinition, Map<RecordKey, Entry>>();
  /** Table and column → value → entries whose current record has it. Made when first asked for. */
  readonly #indexes = new Map<TableDefinition, Map<string, Map<unknown, Set<Entry>>>>();

  constructor(tx: Queryable, user: string) {
    this.#tx = tx;
    this.#user = user;
  }

  get entries(): Entry[] {
    return [...this.#entries.values()].flatMap((entries) => [...entries.values()]);
  }

  find(table: TableDefinition, key: RecordKey): Entry | undefined {
    return this.#entries.get(table)?.get(key);
  }

  /** The entry of a key that was loaded. */
  get(table: TableDefinition, key: RecordKey): Entry {
    const entry = this.find(table, key);
    if (entry === undefined) throw new Error(`${table.name} ${String(key)} was not loaded.`);
    return entry;
  }

  /** Looks up rows by key; with `lock`, no other transaction changes them until this one ends. */
  async load(table: TableDefinition, keys: Iterable<RecordKey>, lock: boolean): Promise<void> {
    const missing = [...new Set(keys)].filter((key) => this.find(table, key) === undefined);
    if (missing.length === 0) return;
    await this.loadWhere(table, table.key, missing, lock);
    for (const key of missing) {
      if (this.find(table, key) === undefined) this.#add({ table, key, stored: null, current: null, edited: false });
    }
  }

  /** Looks up the rows whose column has one of the values. Those already here stay as they are. */
  async loadWhere(table: TableDefinition, column: string, values: readonly unknown[], lock: boolean): Promise<void> {
    if (values.length === 0) return;
    const numeric = table.columns[column]?.type === 'number';
    const personal = table.access.type === 'personal';
    const rows = await this.#tx.query(
      `select _owner, _version::text as version, _edited::text as edited, _text from ${quoteName(table.name)} ` +
        `where ${quoteName(column)} = any($1::${numeric ? 'double precision' : 'text'}[])` +
        `${personal ? ' and _owner = $2' : ''} order by ${quoteName(table.key)}${lock ? ' for update' : ''}`,
      personal ? [values, this.#user] : [values],
    );
    for (const row of rows) {
      const state = stateOf(row);
      const key = keyOf(table, state.record);
      if (this.find(table, key) === undefined) this.#add({ table, key, stored: state, current: state, edited: false });
    }
  }

  /** The entries, among those loaded or made here, whose current record has this value. */
  having(table: TableDefinition, column: string, value: unknown): ReadonlySet<Entry> {
    return this.#index(table, column).get(value) ?? new Set();
  }

  /** Replaces an entry's current state. */
  put(entry: Entry, state: RowState | null, edited: boolean): void {
    for (const [column, values] of this.#indexes.get(entry.table) ?? []) {
      if (entry.current !== null) values.get(entry.current.record[column])?.delete(entry);
      if (state !== null) addTo(values, state.record[column], entry);
    }
    entry.current = state;
    entry.edited ||= edited;
  }

  #add(entry: Entry): void {
    let entries = this.#entries.get(entry.table);
    if (entries === undefined) this.#entries.set(entry.table, (entries = new Map<RecordKey, Entry>()));
    entries.set(entry.key, entry);
    if (entry.current === null) return;
    for (const [column, values] of this.#indexes.get(entry.table) ?? []) {
      addTo(values, entry.current.record[column], entry);
    }
  }

  #index(table: TableDefinition, column: string): Map<unknown, Set<Entry>> {
    let indexes = this.#indexes.get(table);
    if (indexes === undefined) this.#indexes.set(table, (indexes = new Map<string, Map<unknown, Set<Entry>>>()));
    let values = indexes.get(column);
    if (values === undefined) {
      indexes.set(column, (values = new Map<unknown, Set<Entry>>()));
      for (const entry of this.#entries.get(table)?.values() ?? []) {
        if (entry.current !== null) addTo(values, entry.current.record[column], entry);
      }
    }
    return values;
  }
}

function addTo(values: Map<unknown, Set<Entry>>, value: unknown, entry: Entry): void {
  const entries = values.get(value);
  if (entries === undefined) values.set(value, new Set([entry]));
  else entries.add(entry);
}

function stateOf(row: SqlRow): RowState {
  return {
    owner: textOf(row, '_owner'),
    version: BigInt(textOf(row, 'version')),
    edited: BigInt(textOf(row, 'edited')),
    record: parseRecord(textOf(row, '_text')),
  };
}

function keyOf(table: TableDefinition, record: JsonRecord): RecordKey {
  const key = record[table.key];
  if (!isRecordKey(key)) throw new Error(`A record of ${table.name} has no key.`);
  return key;
}
