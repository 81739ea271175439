import type { Json, JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';
import { isFileReference } from '../../../sw/protocol/file.ts';
import type { WireChange } from '../../../sw/protocol/wire.ts';
import { type Queryable, quoteName } from '../database/database.ts';
import { wholeHashes } from '../files/files.ts';
import { isUnstorable } from '../schema/record-text.ts';
import { isKeyOf, type TableDefinition } from '../schema/table-definition.ts';
import { findCommand } from './commands.ts';
import { WorkingSet } from './working-set.ts';
import type { WriteContext } from './write-context.ts';

export interface Prefetched {
  readonly set: WorkingSet;
  /** By child table and column: values that rows outside the set refer to, so that these may not be deleted. */
  readonly referred: ReadonlyMap<string, ReadonlySet<unknown>>;
  /** Hashes that the changes name and whose contents are here for this user. */
  readonly contents: ReadonlySet<string>;
}

export function relationId(table: TableDefinition, column: string): string {
  return `${table.name}.${column}`;
}

class KeysByTable extends Map<TableDefinition, Set<RecordKey>> {
  /** Values that no key of this table can be are left out: they are faults of their records. */
  insert(table: TableDefinition, key: Json | undefined): void {
    if ((typeof key !== 'string' && typeof key !== 'number') || !isKeyOf(table, key)) return;
    if (typeof key === 'string' && isUnstorable(key)) return;
    const keys = this.get(table);
    if (keys === undefined) this.set(table, new Set([key]));
    else keys.add(key);
  }
}

/**
 * Loads whatever deciding on the changes may look at, in a handful of statements however many changes there are. What may
 * be changed is locked, in the order of tables and keys; what is only looked at is guarded by the constraints of the
 * database, whose violation means that a group is decided again.
 */
export async function prefetch(
  tx: Queryable,
  context: WriteContext,
  changes: readonly WireChange[],
): Promise<Prefetched> {
  const { catalog } = context;
  const set = new WorkingSet(tx, context.user);
  const targets = new KeysByTable();
  const leaving = new KeysByTable();
  const sent: { table: TableDefinition; record: JsonRecord }[] = [];
  for (const change of changes) {
    if (change.type === 'command') {
      const command = findCommand(catalog, change.method, change.path);
      if (command === null) continue;
      targets.insert(command.table, command.key);
      leaving.insert(command.table, command.key);
      continue;
    }
    const table = catalog.find(change.table);
    if (table === undefined) continue;
    targets.insert(table, change.key);
    if (change.type === 'delete') leaving.insert(table, change.key);
    else sent.push({ table, record: change.record });
  }
  for (const table of catalog.tables) await set.load(table, targets.get(table) ?? [], true);

  async function loadDescendants(parent: TableDefinition, keys: readonly RecordKey[]): Promise<void> {
    for (const { table, column, onDelete } of catalog.childrenOf(parent)) {
      if (onDelete !== 'cascade' || keys.length === 0) continue;
      await set.loadWhere(table, column, keys, true);
      await loadDescendants(
        table,
        keys.flatMap((key) => [...set.having(table, column, key)].map((entry) => entry.key)),
      );
    }
  }
  for (const [table, keys] of leaving) await loadDescendants(table, [...keys]);

  for (const parent of catalog.tables) {
    for (const { children, through } of parent.totals ?? []) {
      const childTable = catalog.get(children);
      const parents = new KeysByTable();
      for (const { table, record } of sent) if (table === childTable) parents.insert(parent, record[through]);
      for (const key of targets.get(childTable) ?? []) {
        parents.insert(parent, set.find(childTable, key)?.stored?.record[through]);
      }
      const keys = [...(parents.get(parent) ?? [])];
      await set.load(parent, keys, true);
      const stored = keys.filter((key) => (set.find(parent, key)?.stored ?? null) !== null);
      await set.loadWhere(childTable, through, stored, false);
    }
  }

  const references = new KeysByTable();
  for (const { table, record } of sent) {
    for (const [column, definition] of Object.entries(table.columns)) {
      if (definition.references !== undefined) {
        references.insert(catalog.get(definition.references.table), record[column]);
      }
    }
  }
  for (const [table, keys] of references) await set.load(table, keys, false);
  await loadHolders(set, sent);
  const contents = await wholeHashes(tx, context, hashesIn(sent));
  return { set, referred: await findReferred(tx, context, set, leaving), contents };
}

function hashesIn(sent: readonly { table: TableDefinition; record: JsonRecord }[]): string[] {
  return sent.flatMap(({ table, record }) =>
    Object.entries(table.columns).flatMap(([column, { type }]) => {
      const value = record[column];
      return type === 'file' && isFileReference(value) ? [value.hash] : [];
    }),
  );
}

/** Who has the unique values that the sent records would have after their hooks. */
async function loadHolders(
  set: WorkingSet,
  sent: readonly { table: TableDefinition; record: JsonRecord }[],
): Promise<void> {
  const values = new Map<TableDefinition, Map<string, Set<string>>>();
  for (const { table, record } of sent) {
    for (const [column, { unique }] of Object.entries(table.columns)) {
      if (unique !== true) continue;
      let hooked = record;
      for (const hook of table.hooks ?? []) {
        const result = hook(hooked);
        if ('record' in result) hooked = result.record;
      }
      const value = hooked[column];
      if (typeof value !== 'string' || isUnstorable(value)) continue;
      const columns = values.get(table) ?? new Map<string, Set<string>>();
      values.set(table, columns.set(column, (columns.get(column) ?? new Set()).add(value)));
    }
  }
  for (const [table, columns] of values) {
    for (const [column, wanted] of columns) await set.loadWhere(table, column, [...wanted], false);
  }
}

async function findReferred(
  tx: Queryable,
  { catalog }: WriteContext,
  set: WorkingSet,
  leaving: KeysByTable,
): Promise<ReadonlyMap<string, ReadonlySet<unknown>>> {
  const referred = new Map<string, ReadonlySet<unknown>>();
  for (const [parent, keys] of leaving) {
    for (const { table, column, onDelete } of catalog.childrenOf(parent)) {
      if (onDelete !== 'restrict') continue;
      const loaded = set.entries.filter((entry) => entry.table === table).map((entry) => entry.key);
      const type = (name: string): string => (table.columns[name]?.type === 'number' ? 'double precision' : 'text');
      const rows = await tx.query(
        `select distinct ${quoteName(column)} as value from ${quoteName(table.name)} ` +
          `where ${quoteName(column)} = any($1::${type(column)}[]) and not ${quoteName(table.key)} = any($2::${type(table.key)}[])`,
        [[...keys], loaded],
      );
      referred.set(relationId(table, column), new Set(rows.map((row) => row['value'])));
    }
  }
  return referred;
}
