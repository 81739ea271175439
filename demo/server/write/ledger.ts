import {
  isJsonObject,
  isMutationId,
  isRecordKey,
  type MutationId,
  type RecordKey,
} from '../../../sw/protocol/record.ts';
import type { Outcome, WireChange } from '../../../sw/protocol/wire.ts';
import { type Queryable, type SqlRow, textOf, textOrNull } from '../database/database.ts';
import { storable } from '../schema/record-text.ts';
import type { Catalog } from '../schema/table-definition.ts';
import { findCommand } from './commands.ts';

/** What a change is about; the same mutation id for something else is a mistake of the client. */
interface Subject {
  readonly operation: string;
  readonly table: string | null;
  readonly key: RecordKey | null;
}

export interface LedgerRow extends Subject {
  readonly mutationId: MutationId;
  /** The key that the server made, where `key` is a temporary one. */
  readonly assignedKey: RecordKey | null;
  /** Null for `applied`: the record is read again at each replay. */
  readonly outcome: StoredOutcome | null;
}

/** As answered the first time, but for records, which a replay reads again. */
export type StoredOutcome = Exclude<Outcome, { readonly type: 'applied' | 'later' }>;

export function subjectOf(catalog: Catalog, change: WireChange): Subject {
  if (change.type !== 'command') {
    return { operation: change.type === 'delete' ? 'delete' : 'save', table: storable(change.table), key: change.key };
  }
  const command = findCommand(catalog, change.method, change.path);
  const operation = storable(`${change.method} ${change.path}`);
  return { operation, table: command?.table.name ?? null, key: command?.key ?? null };
}

export function isSameSubject(a: Subject, b: Subject): boolean {
  return a.operation === b.operation && a.table === b.table && a.key === b.key;
}

/**
 * Enters mutation ids, and gives back those that are new. Where another transaction is entering the same id, this waits
 * for its end, so a retry never runs beside a first attempt. In the order of the ids, so that two uploads cannot each wait
 * for the other.
 */
export async function reserve(
  tx: Queryable,
  user: string,
  subjects: ReadonlyMap<string, Subject>,
): Promise<ReadonlySet<string>> {
  const rows = [...subjects].map(([id, { operation, table, key }]) => ({
    id,
    operation,
    table,
    key: JSON.stringify(key),
  }));
  const inserted = await tx.query(
    'insert into sync_ledger (user_name, mutation_id, operation, table_name, record_key) ' +
      'select $1, r.id, r.operation, r.table, r.key from ' +
      'json_to_recordset($2::json) as r(id text, operation text, "table" text, key text) order by 2 on conflict (user_name, mutation_id) do nothing returning mutation_id',
    [user, JSON.stringify(rows)],
  );
  return new Set(inserted.map((row) => textOf(row, 'mutation_id')));
}

export async function readLedger(
  tx: Queryable,
  user: string,
  mutationIds: readonly string[],
): Promise<ReadonlyMap<string, LedgerRow>> {
  if (mutationIds.length === 0) return new Map();
  const rows = await tx.query(
    'select mutation_id, operation, table_name, record_key, assigned_key, outcome from sync_ledger ' +
      'where user_name = $1 and mutation_id = any($2::text[])',
    [user, mutationIds],
  );
  return new Map(rows.map((row) => [textOf(row, 'mutation_id'), ledgerRowOf(row)]));
}

function ledgerRowOf(row: SqlRow): LedgerRow {
  const key: unknown = JSON.parse(textOrNull(row, 'record_key') ?? 'null');
  const assigned: unknown = JSON.parse(textOrNull(row, 'assigned_key') ?? 'null');
  const outcome = textOrNull(row, 'outcome');
  const mutationId = textOf(row, 'mutation_id');
  if (!isMutationId(mutationId)) throw new Error('The ledger holds something that is no mutation id.');
  return {
    mutationId,
    operation: textOf(row, 'operation'),
    table: textOrNull(row, 'table_name'),
    key: isRecordKey(key) ? key : null,
    assignedKey: isRecordKey(assigned) ? assigned : null,
    outcome: outcome === null ? null : parseOutcome(outcome),
  };
}

/** What `storeOutcomes` wrote; nothing else writes that column. */
function parseOutcome(text: string): StoredOutcome {
  const outcome: unknown = JSON.parse(text);
  if (!isStoredOutcome(outcome)) throw new Error('The ledger holds an outcome that this server does not know.');
  return outcome;
}

function isStoredOutcome(value: unknown): value is StoredOutcome {
  const types: unknown[] = ['rejected', 'conflict', 'gone', 'forbidden', 'dangling', 'fenced', 'undone'];
  return isJsonObject(value) && types.includes(value['type']);
}

/** Stores the refusals, and forgets the ids of changes that were not decided: these may come again. */
export async function storeOutcomes(tx: Queryable, user: string, outcomes: readonly Outcome[]): Promise<void> {
  const refused = outcomes.filter((outcome) => outcome.type !== 'applied' && outcome.type !== 'later');
  const undecided = outcomes.filter((outcome) => outcome.type === 'later');
  if (refused.length > 0) {
    const rows = refused.map((outcome) => {
      const stored: StoredOutcome = outcome.type === 'conflict' ? { ...outcome, record: null, version: null } : outcome;
      return [outcome.mutationId, JSON.stringify(stored)];
    });
    await tx.query(
      'update sync_ledger as l set outcome = r.outcome from unnest($2::text[], $3::text[]) as r(id, outcome) ' +
        'where l.user_name = $1 and l.mutation_id = r.id',
      [user, rows.map(([id]) => id), rows.map(([, outcome]) => outcome)],
    );
  }
  if (undecided.length > 0) {
    await tx.query('delete from sync_ledger where user_name = $1 and mutation_id = any($2::text[])', [
      user,
      undecided.map(({ mutationId }) => mutationId),
    ]);
  }
}

/** Notes which records the changes were about that named theirs by a temporary key. */
export async function storeAssignedKeys(
  tx: Queryable,
  user: string,
  keys: ReadonlyMap<string, RecordKey>,
): Promise<void> {
  if (keys.size === 0) return;
  await tx.query(
    'update sync_ledger as l set assigned_key = r.key from unnest($2::text[], $3::text[]) as r(id, key) ' +
      'where l.user_name = $1 and l.mutation_id = r.id',
    [user, [...keys.keys()], [...keys.values()].map((key) => JSON.stringify(key))],
  );
}

/** Enters ids as never to be applied, but for those that are known. */
export async function fence(tx: Queryable, user: string, mutationIds: readonly MutationId[]): Promise<void> {
  await tx.query(
    'insert into sync_ledger (user_name, mutation_id, operation, outcome) ' +
      `select $1, r.id, 'fence', r.outcome from unnest($2::text[], $3::text[]) as r(id, outcome) ` +
      'order by 2 on conflict (user_name, mutation_id) do nothing',
    [user, mutationIds, mutationIds.map((mutationId) => JSON.stringify({ type: 'fenced', mutationId }))],
  );
}
