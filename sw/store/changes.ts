import type { AnyTransaction } from './database.ts';
import { readInParts } from './in-parts.ts';
import type { ChangeRow, ChangeState, CommandRow } from './format.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

/** All change rows of one record, oldest first. */
export function rowsOf(tx: AnyTransaction, table: string, key: RecordKey): Promise<ChangeRow[]> {
  return tx.objectStore('changes').getAll(IDBKeyRange.bound([table, key], [table, key, []]));
}

/** All change rows of a table with keys between two, the second excluded; oldest first for each record. */
export function rowsBetween(
  tx: AnyTransaction,
  table: string,
  from: RecordKey | null,
  below: RecordKey | null,
): Promise<ChangeRow[]> {
  const lower = from === null ? [table] : [table, from];
  const upper = below === null ? [table, []] : [table, below];
  return readInParts(tx.objectStore('changes'), IDBKeyRange.bound(lower, upper, false, true), keyOfChange);
}

export function keyOfChange({ table, key, seq }: ChangeRow): [string, RecordKey, number] {
  return [table, key, seq];
}

function placeWaited(state: ChangeState, reason: ChangeRow['reason']): Pick<ChangeRow, 'waitsFor'> {
  const { references } = reason ?? {};
  return state === 'blocked' && references !== undefined ? { waitsFor: [references.table, references.key] } : {};
}

/** A row under another state; `pending` rows are in no index but that of their order. */
export function withState(row: ChangeRow, state: ChangeState, reason?: ChangeRow['reason']): ChangeRow {
  const { table, key, seq, mutationId, operation, text, base, whole, schema, attempts, madeAt, server } = row;
  return {
    ...{ table, key, seq, mutationId, operation, text, base, whole, schema, attempts, madeAt },
    ...(row.sealed === true ? { sealed: true } : {}),
    ...(row.sent === undefined ? {} : { sent: row.sent }),
    ...(row.anew === true ? { anew: true } : {}),
    ...(row.group === undefined ? {} : { group: row.group }),
    ...(row.asked === undefined ? {} : { asked: row.asked }),
    state,
    ...(state === 'pending' ? {} : { stuck: [table, state] as const }),
    ...placeWaited(state, reason),
    ...(reason === undefined ? {} : { reason }),
    ...(state === 'conflict' && server !== undefined ? { server } : {}),
  };
}

export function withoutGroup(row: ChangeRow): ChangeRow {
  const { group, ...rest } = row;
  return group === undefined ? row : rest;
}

/** A command under another state, as `withState`. */
export function withCommandState(row: CommandRow, state: ChangeState, reason?: CommandRow['reason']): CommandRow {
  const { seq, mutationId, method, path, body, names, attempts, madeAt, group, asked } = row;
  return {
    ...{ seq, mutationId, method, path, body, names, attempts, madeAt, state },
    ...(group === undefined ? {} : { group }),
    ...(asked === undefined ? {} : { asked }),
    ...(state === 'pending' ? {} : { stuck: state }),
    ...placeWaited(state, reason),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The `seq`s that stored batches name: what is in flight. */
export async function seqsInFlight(tx: AnyTransaction): Promise<ReadonlySet<number>> {
  const members = await tx.objectStore('members').getAll();
  return new Set(members.flatMap((row) => row.seqs));
}

/** The finer status of a record from its rows (oldest first). */
export function detailOfRows(rows: readonly ChangeRow[], inFlight: ReadonlySet<number>, held: boolean): StatusDetail {
  const last = rows.at(-1);
  if (last === undefined) return 'clean';
  // What the user said counts, also while what was sent before is being settled (K-12).
  if (held) return 'held';
  if (rows.some((row) => inFlight.has(row.seq))) return 'in-flight';
  switch (last.state) {
    case 'pending':
      return 'pending';
    case 'blocked':
      return 'blocked';
    case 'conflict':
      return 'conflict';
    case 'rejected':
    case 'unknown':
      return 'rejected';
  }
}

/** No more than these are looked at for the least. */
const fewLeft = 1000;

/** No row has a lower `seq`: that of the first one, infinite where there is none; of many it is not looked for. */
export async function leastSeq(tx: AnyTransaction): Promise<number> {
  const keys = await tx.objectStore('changes').getAllKeys(null, fewLeft + 1);
  return keys.length > fewLeft ? 1 : keys.reduce((least, [, , seq]) => Math.min(least, seq), Infinity);
}
