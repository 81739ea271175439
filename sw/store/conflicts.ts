import type { Conflict } from '../protocol/conflict.ts';
import { isJsonObject, type JsonRecord, type MutationId } from '../protocol/record.ts';
import type { Base } from './base.ts';
import { releaseFollowers, type RecordRef } from './blocked.ts';
import { withState } from './changes.ts';
import { StaleReadError, type Database, type WriteTransaction } from './database.ts';
import type { DeleteRules } from './delete-rules.ts';
import { baseOf, checkKnown, operationOn, subjectOf } from './failures.ts';
import { removeMark } from './marks.ts';
import { parkGroup } from './park-group.ts';
import type { ChangeRow, StoreName } from './format.ts';
import { getMeta } from './meta.ts';
import { writeScope, writeWithin } from './write.ts';

function recordOf(text: string | null | undefined): JsonRecord | null {
  const value: unknown = text === null || text === undefined ? null : JSON.parse(text);
  return isJsonObject(value) ? value : null;
}

function fieldsThatDiffer(a: JsonRecord | null, b: JsonRecord | null): readonly string[] {
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].filter((name) => JSON.stringify(a?.[name]) !== JSON.stringify(b?.[name]));
}

/** The changes that wait for a user's choice, with the three copies side by side. */
export function readConflicts(database: Database): Promise<readonly Conflict[]> {
  return database.read(['changes'], async (tx) => {
    const rows = await tx.objectStore('changes').index('stuck').getAll();
    return rows
      .filter((row) => row.state === 'conflict')
      .map((row) => {
        const [base, local, server] = [recordOf(row.base?.text), recordOf(row.text), recordOf(row.server?.text)];
        const fields = fieldsThatDiffer(local, server);
        return { id: row.reason?.failure ?? '', table: row.table, key: row.key, base, local, server, fields };
      });
  });
}

/** The table and key that a failure is about; null: there is no such failure. */
export function placeOfFailure(database: Database, id: string): Promise<RecordRef | null> {
  return database.read(['failures'], async (tx) => {
    const failure = await tx.objectStore('failures').get(id);
    return failure === undefined ? null : { table: failure.table, key: failure.key };
  });
}

export interface Choice {
  readonly record: JsonRecord | null;
  readonly mutationId: MutationId;
  /** Of a delete: what it does to the records that refer to the deleted one. */
  readonly rules: DeleteRules | null;
  readonly now: number;
  /** For the failures of what is left of a group. */
  readonly user: string;
  readonly newId: () => string;
}

const maximumAttempts = 20;

/**
 * Puts the user's choice in place of a change that is in conflict or was rejected, based on the server's copy that they saw;
 * null deletes the record. The failure goes. If the choice is the server's copy, nothing is left to send. Resolves to the
 * record's place; null: there is no such failure, or no change stands for it any more.
 *
 * @throws UnknownOutcomeError
 */
export async function resolveFailure(
  { database, base }: { readonly database: Database; readonly base: Base },
  id: string,
  choice: Choice,
): Promise<ChangeRow | null> {
  for (let attempt = 0; ; attempt += 1) {
    const also = (await choice.rules?.prepare(attempt)) ?? null;
    const stores: StoreName[] = [
      ...(['failures', 'changes', 'commands', 'members', 'heads', 'marks', 'meta'] as const),
      ...(also === null ? [] : [...writeScope, ...also.stores]),
    ];
    try {
      return await database.write([...new Set(stores)], async (tx) => {
        await also?.check(tx);
        const row = await storeChoice(tx, base, id, choice);
        if (row !== null) await also?.work(tx, (write) => writeWithin(tx, base, write, choice.now));
        return row;
      });
    } catch (error) {
      if (!(error instanceof StaleReadError) || attempt >= maximumAttempts) throw error;
    }
  }
}

async function storeChoice(
  tx: WriteTransaction,
  records: Base,
  id: string,
  { record, mutationId, now, user, newId }: Choice,
): Promise<ChangeRow | null> {
  const failure = await tx.objectStore('failures').get(id);
  const row = failure === undefined ? null : await subjectOf(tx, failure);
  if (row === null || 'method' in row) return null;
  checkKnown(row);
  await tx.objectStore('failures').delete(id);
  await removeMark(tx, await records.readHead(tx, row.table), 'hold', row.key);
  const base = baseOf(row);
  const text = record === null ? null : JSON.stringify(record);
  const isServers =
    fieldsThatDiffer(record, recordOf(base?.text)).length === 0 && (record === null) === (base === null);
  if (isServers) {
    await tx.objectStore('changes').delete([row.table, row.key, row.seq]);
    await releaseFollowers(tx, [row]);
    const device = (await getMeta(tx, 'device')) ?? '';
    if (row.group !== undefined) await parkGroup(tx, row.group, { user, device, at: now, newId });
    return row;
  }
  const operation = operationOn(base, text);
  const chosen = { ...withState(row, 'pending'), mutationId, operation, text, base, attempts: 0 } as const;
  await tx.objectStore('changes').put({ ...chosen, whole: base === null });
  await releaseFollowers(tx, [row]);
  return row;
}
