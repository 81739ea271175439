import type { Base } from './base.ts';
import type { RecordRef } from './blocked.ts';
import { StaleReadError, type Database, type Reader, type WriteTransaction } from './database.ts';
import { findMatches } from './find-keys.ts';
import type { StoreName } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import { checkUnmoved } from './hits.ts';
import { listScope } from './list.ts';
import { getMeta } from './meta.ts';
import type { RecordWrite, WriteAlso, WriteWithin } from './record-write.ts';
import type { DeleteRule, Schema, Table } from './schema.ts';
import { readSteadily } from './steady.ts';
import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, type MutationId, type RecordKey } from '../protocol/record.ts';

interface Rule {
  readonly table: Table;
  readonly field: string;
  readonly onDelete: DeleteRule;
}

/** The records that refer to the one to be deleted, as they were under this head. */
interface Referring extends Rule {
  readonly keys: readonly RecordKey[];
  readonly head: HeadRow;
}

interface Found {
  readonly referring: readonly Referring[];
  /** The stamp under which the changes were read. */
  readonly stamp: string | undefined;
}

const attemptsInSlices = 3;

/** The declared references to a table that deleting one of its records does something to here. */
function rulesFor(schema: Schema, parent: Table): readonly Rule[] {
  return [...schema.tables.values()].flatMap((table) =>
    table.references
      .filter((reference) => reference.table === parent.name && reference.onDelete !== 'server')
      // What is only downloaded cannot be changed here.
      .filter((reference) => reference.onDelete === 'restrict' || table.direction !== 'down')
      .map(({ field, onDelete }) => ({ table, field, onDelete })),
  );
}

async function findReferring(reader: Reader, base: Base, rules: readonly Rule[], parent: RecordRef): Promise<Found> {
  const stamp = await reader.read(['meta'], (tx) => getMeta(tx, 'changesStamp'));
  const referring: Referring[] = [];
  for (const rule of rules) {
    const left = { type: 'column', name: rule.field } as const;
    const where = { type: 'compare', operator: '=', left, right: { type: 'value', value: parent.key } } as const;
    const query = { filter: { version: 1, where }, params: {} } as const;
    const { head, matches } = await findMatches(reader, base, rule.table, query);
    const others = matches
      .map(({ key }) => key)
      .filter((key) => rule.table.name !== parent.table || key !== parent.key);
    referring.push({ ...rule, keys: others, head });
  }
  return { referring, stamp };
}

async function checkFound(tx: WriteTransaction, base: Base, { referring, stamp }: Found): Promise<void> {
  const [now] = await Promise.all([
    // Before anything is awaited: it is the stamp that the last transaction over changes left.
    getMeta(tx, 'changesStamp'),
    ...referring.map(({ head }) => checkUnmoved(tx, base, head)),
  ]);
  if (now !== stamp) throw new StaleReadError('the changes moved');
}

function withoutReference(field: string): (view: string | null) => string {
  return (view) => {
    const record: unknown = JSON.parse(view ?? '{}');
    return JSON.stringify(isJsonObject(record) ? { ...record, [field]: null } : record);
  };
}

function refuse({ table, field, keys }: Referring, parent: RecordRef): void {
  const [key] = keys;
  if (key === undefined) return;
  throw new SyncError(
    'referenced',
    `${table.name} ${String(key)} refers to ${parent.table} ${String(parent.key)} in its field ${field}. Nothing was deleted; delete or change that one first.`,
    { details: { references: { table: table.name, key } } },
  );
}

export interface DeleteRules {
  /** Looks up what refers to the record, and gives what is to be stored with its delete. Again for each attempt. */
  prepare(attempt: number): Promise<WriteAlso>;
  /** The same where all is looked up in the transaction itself. */
  readonly inTransaction: WriteAlso;
  /** The records from which the stored delete took their reference. */
  readonly changed: readonly RecordRef[];
}

/**
 * What deleting a record does to those that refer to it here: in the delete's own transaction their reference
 * becomes null, which is a change of theirs, or the delete is refused `referenced`, naming one of them. Records that are
 * not here are the server's to decide about. Null: nothing is declared.
 *
 * What refers to it is found in slices, and counts only if neither base nor changes have moved since. Where they go on
 * moving, it is found in the transaction itself.
 */
export function deleteRulesOf(
  { database, base, schema }: { readonly database: Database; readonly base: Base; readonly schema: Schema },
  parentTable: Table,
  { key, newMutationId }: { readonly key: RecordKey; readonly newMutationId: () => MutationId },
): DeleteRules | null {
  const rules = rulesFor(schema, parentTable);
  if (rules.length === 0) return null;
  const parent: RecordRef = { table: parentTable.name, key };
  const changed: RecordRef[] = [];

  const apply = async ({ referring }: Found, write: WriteWithin): Promise<void> => {
    changed.length = 0;
    for (const rule of referring) if (rule.onDelete === 'restrict') refuse(rule, parent);
    for (const { table, field, keys } of referring.filter((rule) => rule.onDelete === 'null')) {
      for (const child of keys) {
        const update: RecordWrite = {
          ...{ table: table.name, key: child, operation: 'update', content: withoutReference(field), keyIsNew: false },
          ...{ mutationId: newMutationId(), schema: schema.version },
        };
        await write(update);
        changed.push({ table: table.name, key: child });
      }
    }
  };

  const stores: StoreName[] = [...listScope, 'meta'];
  const inTransaction: WriteAlso = {
    stores,
    check: () => Promise.resolve(),
    work: async (tx, write) =>
      apply(await findReferring({ read: (_stores, read) => read(tx) }, base, rules, parent), write),
  };
  return {
    changed,
    inTransaction,
    prepare: async (attempt) => {
      if (attempt >= attemptsInSlices) return inTransaction;
      const found = await readSteadily(database, stores, (reader) => findReferring(reader, base, rules, parent));
      return {
        stores,
        check: (tx) => checkFound(tx, base, found),
        work: (_tx, write) => apply(found, write),
      };
    },
  };
}
