import { KeyNames } from '../../../sw/protocol/key-names.ts';
import type { RecordKey } from '../../../sw/protocol/record.ts';
import type { WireChange } from '../../../sw/protocol/wire.ts';
import { integerOf, type Queryable, quoteName } from '../database/database.ts';
import { sequenceOf } from '../schema/table-ddl.ts';
import { hasNumberKey, type TableDefinition } from '../schema/table-definition.ts';
import { readLedger, subjectOf } from './ledger.ts';
import type { WriteContext } from './write-context.ts';

export interface NamedChanges {
  /** The changes with the server's keys, by the changes as sent. */
  readonly changes: ReadonlyMap<WireChange, WireChange>;
  /** By mutation id, the server's key of each change that was sent with a temporary one. */
  readonly keys: ReadonlyMap<string, RecordKey>;
  /** A refused record has no other key than the one that its client gave it. */
  readonly asSent: (table: string, key: RecordKey) => RecordKey;
}

async function nextKeys(tx: Queryable, table: TableDefinition, count: number): Promise<number[]> {
  const rows = await tx.query(`select nextval($1)::double precision as key from generate_series(1, $2::int)`, [
    quoteName(sequenceOf(table)),
    count,
  ]);
  return rows.map((row) => integerOf(row, 'key'));
}

function rename({ catalog }: WriteContext, names: KeyNames, change: WireChange): WireChange {
  if (change.type === 'command') {
    return { ...change, path: names.inPath(change.path), body: names.inJson(change.body) };
  }
  const table = catalog.find(change.table);
  if (table === undefined) return change;
  const key = names.of(change.table, change.key);
  if (change.type === 'delete') return { ...change, key };
  const fields = Object.entries(table.columns).flatMap(([field, { references }]) =>
    references === undefined ? [] : [{ field, table: references.table }],
  );
  const record = names.inRecord(change.record, [...fields, { field: table.key, table: table.name }]);
  return { ...change, key, record };
}

/**
 * Makes the keys of new records that came with temporary ones, and puts them wherever these are named (U-08). A change that
 * was applied before keeps the key that was made then, so its children find it by the same name at every attempt.
 */
export async function assignKeys(
  tx: Queryable,
  context: WriteContext,
  changes: readonly WireChange[],
  isFirst: (change: WireChange) => boolean,
): Promise<NamedChanges> {
  const { catalog, user } = context;
  const names = new KeyNames();
  const made = changes.flatMap((change) => {
    const table = change.type === 'create' ? catalog.find(change.table) : undefined;
    return table?.serverKeys === true && change.type === 'create' ? [{ change, table }] : [];
  });
  if (made.length === 0)
    return {
      changes: new Map(changes.map((change) => [change, change])),
      keys: new Map(),
      asSent: (_table, key) => key,
    };
  const repeated = made.filter(({ change }) => !isFirst(change));
  const rows = await readLedger(
    tx,
    user,
    repeated.map(({ change }) => change.mutationId),
  );
  for (const { change } of repeated) {
    const key = rows.get(change.mutationId)?.assignedKey ?? null;
    if (key !== null) names.add(change.table, change.key, key);
  }
  for (const table of new Set(made.map((one) => one.table))) {
    const fresh = made.filter((one) => one.table === table && isFirst(one.change));
    const keys = fresh.length === 0 ? [] : await nextKeys(tx, table, fresh.length);
    fresh.forEach(({ change }, index) => {
      const key = keys[index];
      if (key !== undefined) names.add(change.table, change.key, hasNumberKey(table) ? key : String(key));
    });
  }
  const named = new Map(changes.map((change) => [change, rename(context, names, change)]));
  const keys = new Map<string, RecordKey>();
  for (const [sent, change] of named) {
    const { key } = subjectOf(catalog, change);
    if (key !== null && key !== subjectOf(catalog, sent).key) keys.set(sent.mutationId, key);
  }
  const sent = new KeyNames();
  for (const { change } of made) sent.add(change.table, names.of(change.table, change.key), change.key);
  return { changes: named, keys, asSent: (table, key) => sent.of(table, key) };
}
