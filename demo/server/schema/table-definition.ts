import type { Json, JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';

export interface ColumnDefinition {
  /** `file`: a reference to a content, which must be here before the record. */
  readonly type: 'string' | 'number' | 'boolean' | 'date' | 'json' | 'file';
  /** Neither absent nor null, and a text is not blank. */
  readonly required?: boolean;
  readonly integer?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  /** No two records have the same value; null and absent are no values. */
  readonly unique?: boolean;
  /** Set by the server alone, to this at first. What a client sends for it is ignored. */
  readonly computed?: Json;
  readonly references?: {
    readonly table: string;
    /** What the deletion of the record referred to does: it is refused, or takes this record along. */
    readonly onDelete: 'restrict' | 'cascade';
  };
}

/** What a hook made of a record before it is committed: the record to commit, or why there will be none. */
export type HookResult = { readonly record: JsonRecord } | { readonly reject: string };

/** A computed column of a parent: `compute` over those of its `children` whose column `through` refers to it. */
export interface TotalDefinition {
  readonly column: string;
  readonly children: string;
  readonly through: string;
  readonly compute: (children: Iterable<JsonRecord>) => Json;
}

/**
 * Who may read and write a table's records.
 *
 * - `shared`: every signed-in user.
 * - `owned`: the user who created it, or to whom it was handed over.
 * - `personal`: as `owned`, and each user has keys of their own.
 * - `parent`: who may do so with the record to which the column refers.
 */
export type Access =
  | { readonly type: 'shared' }
  | { readonly type: 'owned' }
  | { readonly type: 'personal' }
  | { readonly type: 'parent'; readonly column: string; readonly table: string };

export interface TableDefinition {
  readonly name: string;
  readonly key: string;
  readonly access: Access;
  /** New records get a number of this table's sequence for their key; what a client sends for it is temporary. */
  readonly serverKeys?: boolean;
  readonly columns: Readonly<Record<string, ColumnDefinition>>;
  /** In order, on each record that was written and is valid, before it is committed. */
  readonly hooks?: readonly ((record: JsonRecord) => HookResult)[];
  readonly totals?: readonly TotalDefinition[];
}

/** Every table that the server has, parents before their children. */
export class Catalog {
  readonly tables: readonly TableDefinition[];
  readonly #byName: ReadonlyMap<string, TableDefinition>;

  constructor(tables: readonly TableDefinition[]) {
    this.tables = tables;
    this.#byName = new Map(tables.map((table) => [table.name, table]));
  }

  find(name: string): TableDefinition | undefined {
    return this.#byName.get(name);
  }

  get(name: string): TableDefinition {
    const table = this.#byName.get(name);
    if (table === undefined) throw new Error(`There is no table ${name} in the catalog.`);
    return table;
  }

  /** The columns of other tables that refer to `parent`. */
  childrenOf(parent: TableDefinition): { table: TableDefinition; column: string; onDelete: 'restrict' | 'cascade' }[] {
    return this.tables.flatMap((table) =>
      Object.entries(table.columns).flatMap(([column, { references }]) =>
        references?.table === parent.name ? [{ table, column, onDelete: references.onDelete }] : [],
      ),
    );
  }
}

export function columnOf(table: TableDefinition, name: string): ColumnDefinition | undefined {
  return Object.hasOwn(table.columns, name) ? table.columns[name] : undefined;
}

export function hasNumberKey(table: TableDefinition): boolean {
  return columnOf(table, table.key)?.type === 'number';
}

/** Whether a key has the type of this table's key column. */
export function isKeyOf(table: TableDefinition, key: RecordKey): boolean {
  return (typeof key === 'number') === hasNumberKey(table);
}

/** The key in a path or a tombstone, or null where the table cannot have such a key. */
export function parseKey(table: TableDefinition, text: string): RecordKey | null {
  if (!hasNumberKey(table)) return text;
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) || String(value) !== text ? null : value;
}
