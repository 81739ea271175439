import { type Queryable, textOf } from '../database/database.ts';
import type { Catalog } from '../schema/table-definition.ts';
import { announce, type ChangedTables } from './announce.ts';
import type { OwnWrites } from './own-writes.ts';
import { deleteRows, insertRows, type RowToStore, updateRows, writeTombstones } from './store-rows.ts';
import type { Entry, RowState, WorkingSet } from './working-set.ts';

/** Brings the computed columns of parents up to date with their children, which are all in the set. */
function computeTotals(catalog: Catalog, set: WorkingSet): void {
  const dirty = set.entries.filter((entry) => entry.current !== entry.stored);
  for (const parentTable of catalog.tables) {
    for (const { column, children, through, compute } of parentTable.totals ?? []) {
      const childTable = catalog.get(children);
      const parents = new Set(
        dirty
          .filter((entry) => entry.table === childTable)
          .flatMap((entry) => [entry.stored?.record[through], entry.current?.record[through]]),
      );
      for (const key of parents) {
        if (typeof key !== 'string' && typeof key !== 'number') continue;
        const parent = set.find(parentTable, key);
        if (parent === undefined || parent.current === null) continue;
        const records = [...set.having(childTable, through, key)].flatMap(({ current }) =>
          current === null ? [] : [current.record],
        );
        const total = compute(records);
        if (parent.current.record[column] === total) continue;
        set.put(parent, { ...parent.current, record: { ...parent.current.record, [column]: total } }, false);
      }
    }
  }
}

async function takeVersions(tx: Queryable, count: number): Promise<bigint[]> {
  if (count === 0) return [];
  const [row] = await tx.query(
    `select string_agg(nextval('sync_version')::text, ',') as versions from generate_series(1, $1::int)`,
    [count],
  );
  return textOf(row, 'versions').split(',').map(BigInt);
}

/** Gives every record that changed a version; one that only changed hands keeps its own. */
async function numberStates(tx: Queryable, dirty: readonly Entry[]): Promise<Map<Entry, RowState>> {
  const changed = dirty.filter(({ current, stored }) => current !== null && current.record !== stored?.record);
  const versions = await takeVersions(tx, changed.length);
  const numbered = new Map<Entry, RowState>();
  for (const [index, entry] of changed.entries()) {
    const { current, edited } = entry;
    const version = versions[index];
    if (current === null || version === undefined) continue;
    numbered.set(entry, { ...current, version, edited: edited ? version : current.edited });
  }
  return numbered;
}

/**
 * Writes what changed in the set: parents before their children, deletions the other way round, a tombstone for each
 * record that its reader lost. Afterwards the set stands as the database does.
 */
export async function flush(
  tx: Queryable,
  { catalog, set, ownWrites }: { catalog: Catalog; set: WorkingSet; ownWrites: OwnWrites },
): Promise<void> {
  computeTotals(catalog, set);
  const dirty = set.entries.filter((entry) => entry.current !== entry.stored);
  if (dirty.length === 0) return;
  for (const [entry, state] of await numberStates(tx, dirty)) {
    set.put(entry, state, false);
    ownWrites.remember(entry, state);
  }
  const readers: ChangedTables = new Map();
  let unique = false;
  for (const table of catalog.tables) {
    const inserted: RowToStore[] = [];
    const updated: RowToStore[] = [];
    for (const { table: of, stored, current } of dirty) {
      if (of !== table || current === null) continue;
      (stored === null ? inserted : updated).push(current);
    }
    await insertRows(tx, table, inserted);
    await updateRows(tx, table, updated);
    unique ||= inserted.length + updated.length > 0 && Object.values(table.columns).some((column) => column.unique);
  }
  for (const table of catalog.tables.toReversed()) {
    const here = dirty.filter((entry) => entry.table === table);
    const lost = here.flatMap(({ key, stored, current }) =>
      stored !== null && stored.owner !== current?.owner
        ? [{ key, owner: stored.owner, deleted: current === null }]
        : [],
    );
    await deleteRows(
      tx,
      table,
      lost.filter(({ deleted }) => deleted),
    );
    await writeTombstones(tx, table, lost);
    const owners = here.flatMap(({ stored, current }) => [stored?.owner, current?.owner]);
    const concerned = new Set(owners.filter((owner) => owner !== undefined));
    if (concerned.size > 0) readers.set(table.name, concerned);
  }
  // So that a value taken twice is found here, not at the commit.
  if (unique) {
    await tx.query('set constraints all immediate');
    await tx.query('set constraints all deferred');
  }
  await announce(tx, readers);
  for (const entry of dirty) {
    entry.stored = entry.current;
    entry.edited = false;
  }
}
