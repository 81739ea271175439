import type { JsonRecord } from '../../../sw/protocol/record.ts';
import type { Outcome, WireChange } from '../../../sw/protocol/wire.ts';
import { type Database, type Queryable, sqlState } from '../database/database.ts';
import { assignKeys, type NamedChanges } from './assign-keys.ts';
import { type Decision, decide } from './decide.ts';
import { flush } from './flush.ts';
import {
  isSameSubject,
  type LedgerRow,
  readLedger,
  reserve,
  storeAssignedKeys,
  storeOutcomes,
  subjectOf,
} from './ledger.ts';
import { OwnWrites } from './own-writes.ts';
import { prefetch } from './prefetch.ts';
import { replay } from './replay.ts';
import { type Entry, isReadable } from './working-set.ts';
import type { WriteContext } from './write-context.ts';

/** Serialization failure and deadlock: another attempt may well succeed. */
const passingStates: ReadonlySet<string | null> = new Set(['40001', '40P01']);
const attempts = 3;

/** `created`: by this very request, not by an earlier one that it repeats. */
export type Applied = { readonly outcome: Outcome; readonly created: boolean; readonly replayed: boolean };

interface ApplyOptions {
  readonly ledger?: boolean;
  readonly group?: boolean;
}

/**
 * Applies changes in their order, each by itself: a fault of one refuses that one alone. All that this user has not sent
 * before under the same mutation ids is applied in one transaction, with its ledger rows, which are entered first; so after
 * a crash or a broken connection either all of it stands or nothing, and sending it again is safe. What was sent before is
 * answered as then, with the current records.
 *
 * A change without a mutation id of its own (`ledger: false`) is not entered, and applied each time. With `group`, all are
 * applied or none is: if one is refused, the others are `undone`.
 */
export async function applyChanges(
  database: Database,
  context: WriteContext,
  changes: readonly WireChange[],
  { ledger = true, group = false }: ApplyOptions = {},
): Promise<Applied[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction((tx) => applyWithin(tx, context, changes, { ledger, group }));
    } catch (error) {
      if (attempt === attempts || !passingStates.has(sqlState(error))) throw error;
    }
  }
}

/**
 * All is looked up by key here. Statistics lag behind a table that was just filled, and the check of a foreign key keeps the
 * plan that it was given while the table was small: then each new row reads the whole of it.
 */
async function preferIndexes(tx: Queryable): Promise<void> {
  await tx.query('set local enable_seqscan = off');
}

async function applyWithin(
  tx: Queryable,
  context: WriteContext,
  changes: readonly WireChange[],
  { ledger, group }: Required<ApplyOptions>,
): Promise<Applied[]> {
  const { catalog, user } = context;
  await preferIndexes(tx);
  const subjects = new Map(changes.map((change) => [String(change.mutationId), subjectOf(catalog, change)]));
  const reserved = ledger ? await reserve(tx, user, subjects) : new Set(subjects.keys());
  const first = new Set<WireChange>();
  const seen = new Set<string>();
  for (const change of changes) {
    if (reserved.has(change.mutationId) && !seen.has(change.mutationId)) first.add(change);
    seen.add(change.mutationId);
  }
  const named = await assignKeys(tx, context, changes, (change) => first.has(change));
  const chosen = [...first].flatMap((change) => named.changes.get(change) ?? []);
  const results = group ? await applyGroup(tx, context, chosen) : await applyAll(tx, context, chosen);
  const applied = new Map(
    [...first].flatMap((change) => {
      const result = results.get(named.changes.get(change) ?? change);
      return result === undefined ? [] : [[change, asSent(result, named.asSent)] as const];
    }),
  );
  if (ledger) {
    await storeAssignedKeys(tx, user, named.keys);
    await storeOutcomes(
      tx,
      user,
      [...applied.values()].map(({ outcome }) => outcome),
    );
  }
  const repeated = changes.filter((change) => !first.has(change));
  if (repeated.length === 0) return changes.flatMap((change) => applied.get(change) ?? []);
  const rows = await readLedger(
    tx,
    user,
    repeated.map(({ mutationId }) => mutationId),
  );
  const replays = await replay(tx, context, [...rows.values()]);
  return changes.map((change): Applied => {
    const own = applied.get(change);
    if (own !== undefined) return own;
    const outcome = isRepeat(context, change, rows.get(change.mutationId)) && replays.get(change.mutationId);
    return { outcome: outcome || misused(change), created: false, replayed: true };
  });
}

/** What refers to a refused record is told so by the key that it was sent with. */
function asSent(applied: Applied, nameOf: NamedChanges['asSent']): Applied {
  const { outcome } = applied;
  if (outcome.type !== 'dangling') return applied;
  const { table, key } = outcome.references;
  const sent = nameOf(table, key);
  if (sent === key) return applied;
  const message = outcome.message.replace(String(key), String(sent));
  return { ...applied, outcome: { ...outcome, message, references: { table, key: sent } } };
}

function isRepeat({ catalog }: WriteContext, change: WireChange, row: LedgerRow | undefined): boolean {
  if (row === undefined) return false;
  return row.outcome?.type === 'fenced' || isSameSubject(subjectOf(catalog, change), row);
}

export const misuseMessage = 'This mutation id was used for something else before.';

function misused({ mutationId }: WireChange): Outcome {
  return { type: 'rejected', mutationId, code: 'validation', message: misuseMessage };
}

/**
 * All at once if possible. If the database refuses that, a row was changed by someone else between the look and the
 * write, or one change is such that the database refuses it: then one by one, so that only that one is refused.
 */
async function applyAll(
  tx: Queryable,
  context: WriteContext,
  changes: readonly WireChange[],
): Promise<Map<WireChange, Applied>> {
  if (changes.length === 0) return new Map();
  const ownWrites = new OwnWrites();
  const together = await tryGroup(tx, { ...context, ownWrites }, changes);
  if (together !== null) return together;
  const applied = new Map<WireChange, Applied>();
  for (const change of changes) {
    let result: Applied | undefined;
    for (let attempt = 1; attempt <= attempts && result === undefined; attempt += 1) {
      result = (await tryGroup(tx, { ...context, ownWrites }, [change]))?.get(change);
    }
    const { mutationId } = change;
    const message = 'The database refused this change for now.';
    applied.set(change, result ?? { outcome: { type: 'later', mutationId, message }, created: false, replayed: false });
  }
  return applied;
}

/** Conflicts of a group with the records as they are without it: what the others had made of these was undone. */
async function asUndone(
  tx: Queryable,
  context: WriteContext,
  results: ReadonlyMap<WireChange, Applied>,
): Promise<ReadonlyMap<string, Outcome>> {
  const rows = [...results].flatMap(([change, { outcome }]): LedgerRow[] =>
    outcome.type === 'conflict'
      ? [{ ...subjectOf(context.catalog, change), mutationId: change.mutationId, assignedKey: null, outcome }]
      : [],
  );
  return rows.length === 0 ? new Map() : replay(tx, context, rows);
}

/** All or none: a refusal of one undoes the others, which may come again with it, under other mutation ids. */
async function applyGroup(
  tx: Queryable,
  context: WriteContext,
  changes: readonly WireChange[],
): Promise<Map<WireChange, Applied>> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    await tx.query('savepoint whole_group');
    const results = await tryGroup(tx, { ...context, ownWrites: new OwnWrites() }, changes);
    const refused = [...(results ?? [])].find(([, { outcome }]) => outcome.type !== 'applied');
    if (results !== null && refused === undefined) {
      await tx.query('release savepoint whole_group');
      return results;
    }
    await tx.query('rollback to savepoint whole_group');
    await tx.query('release savepoint whole_group');
    if (results === null || refused === undefined) continue;
    const because = refused[0].mutationId;
    const shown = await asUndone(tx, context, results);
    return new Map(
      [...results].map(([change, { outcome }]) => {
        const { mutationId } = change;
        const undone: Outcome = { type: 'undone', mutationId, because };
        const left = outcome.type === 'applied' ? undone : (shown.get(mutationId) ?? outcome);
        return [change, { outcome: left, created: false, replayed: false }];
      }),
    );
  }
  const message = 'The database refused this group of changes for now.';
  return new Map(
    changes.map((change): [WireChange, Applied] => [
      change,
      { outcome: { type: 'later', mutationId: change.mutationId, message }, created: false, replayed: false },
    ]),
  );
}

/** Null when the database refused it; then nothing of it stands. Throws when the connection is of no more use. */
async function tryGroup(
  tx: Queryable,
  context: WriteContext & { readonly ownWrites: OwnWrites },
  changes: readonly WireChange[],
): Promise<Map<WireChange, Applied> | null> {
  await tx.query('savepoint attempt');
  try {
    const fetched = await prefetch(tx, context, changes);
    const { set } = fetched;
    const decisions = new Map<WireChange, Decision>();
    for (const change of changes) decisions.set(change, decide({ ...context, ...fetched }, change));
    await flush(tx, { catalog: context.catalog, set, ownWrites: context.ownWrites });
    await tx.query('release savepoint attempt');
    return new Map([...decisions].map(([change, decision]) => [change, appliedOf(context, change, decision)]));
  } catch (error) {
    if (sqlState(error) === null) throw error;
    await tx.query('rollback to savepoint attempt');
    await tx.query('release savepoint attempt');
    return null;
  }
}

/** The records as they stand after everything was written, so that a version always names the record beside it. */
function appliedOf(context: WriteContext, change: WireChange, decision: Decision): Applied {
  if (decision.type !== 'applied') return { outcome: decision, created: false, replayed: false };
  const { entry, created, found } = decision;
  const { mutationId } = change;
  const of = found === undefined ? {} : { of: { table: entry.table.name, key: entry.key, found: String(found) } };
  return {
    outcome: { type: 'applied', mutationId, key: entry.key, ...currentOf(context, change, entry), ...of },
    created,
    replayed: false,
  };
}

function currentOf(
  { user }: WriteContext,
  change: WireChange,
  { current }: Entry,
): { record: JsonRecord | null; version: string | null } {
  if (change.type === 'delete' || current === null || !isReadable(current, user))
    return { record: null, version: null };
  return { record: current.record, version: String(current.version) };
}
