import { releaseFollowers } from './blocked.ts';
import { rowsOf, withCommandState, withoutGroup, withState } from './changes.ts';
import type { AnyTransaction, Database, WriteTransaction } from './database.ts';
import type { ChangeBase, ChangeRow, CommandRow, FailureRow } from './format.ts';
import { readGroup } from './groups.ts';
import { UnknownOutcomeError } from '../protocol/errors.ts';
import type { MutationId } from '../protocol/record.ts';
import type { Failure, FailureCode } from '../protocol/status.ts';
import { removeMark } from './marks.ts';

function withoutBookkeeping(row: FailureRow): Failure {
  const { id, table, key, operation, content, base, code, message, user, device, run, at, retriable } = row;
  const { fields, references, group } = row;
  return {
    ...{ id, table, key, operation, content, base, code, message, user, device, run, at, retriable },
    ...(fields === undefined ? {} : { fields }),
    ...(references === undefined ? {} : { references }),
    ...(group === undefined ? {} : { group }),
  };
}

/** Failures, newest first. */
export async function readFailures(
  database: Database,
  page: { readonly limit: number; readonly offset: number },
): Promise<readonly Failure[]> {
  return database.read(['failures', 'changes', 'commands'], async (tx) => {
    const store = tx.objectStore('failures');
    const ids = (await store.index('at').getAllKeys()).reverse().slice(page.offset, page.offset + page.limit);
    const rows = await Promise.all(ids.map((id) => store.get(id)));
    return Promise.all(
      rows
        .filter((row) => row !== undefined)
        .map(async (row) => ({ ...withoutBookkeeping(row), retriable: await isRetriable(tx, row) })),
    );
  });
}

/** Whether what failed is still here as it was: it may have been edited, and sent, since. */
async function isRetriable(tx: AnyTransaction, failure: FailureRow): Promise<boolean> {
  return (await subjectOf(tx, failure)) !== null;
}

/**
 * The change or command that still stands for a failure: it names it. An edit keeps the row's `seq`, not the failure's name, and
 * may wait or have failed anew since then, under another one.
 */
export async function subjectOf(tx: AnyTransaction, failure: FailureRow): Promise<ChangeRow | CommandRow | null> {
  if (failure.seq === null) return null;
  const { id, table, key, seq, operation } = failure;
  const rows: readonly (ChangeRow | CommandRow | undefined)[] =
    operation === 'command' ? [await tx.objectStore('commands').get(seq)] : await rowsOf(tx, table, key);
  return rows.find((row) => row?.seq === seq && row.reason?.failure === id) ?? null;
}

/** A group is tried again, or given up, as a whole: the failures of its other members go with this one. */
async function membersOf(tx: WriteTransaction, failure: FailureRow): Promise<readonly (ChangeRow | CommandRow)[]> {
  const subject = await subjectOf(tx, failure);
  await tx.objectStore('failures').delete(failure.id);
  if (subject === null) return [];
  if (subject.group === undefined) return [subject];
  for (const other of await tx.objectStore('failures').getAll()) {
    if (other.group === subject.group.id && other.seq !== null) await tx.objectStore('failures').delete(other.id);
  }
  return readGroup(tx, subject.group);
}

function recordsOf(members: readonly (ChangeRow | CommandRow)[]): readonly ChangeRow[] {
  return members.filter((member) => 'table' in member);
}

async function endHold(tx: WriteTransaction, { table, key }: ChangeRow): Promise<void> {
  const head = await tx.objectStore('heads').get(table);
  if (head !== undefined) await removeMark(tx, head, 'hold', key);
}

/**
 * What may have arrived is sent only after the user has said that it did not (U-14).
 *
 * @throws UnknownOutcomeError
 */
export function checkKnown(row: ChangeRow | CommandRow): void {
  if (row.state !== 'unknown') return;
  throw new UnknownOutcomeError(
    'It may have arrived at the server, and sent once more it would be there twice. Nothing was changed. Say first what became of it: arrived(id), or sendAgain(id) where it is not there; then edit the record.',
  );
}

/** What a change is made upon: after a conflict the server's copy. */
export function baseOf({ server, base }: ChangeRow): ChangeBase | null {
  if (server === undefined) return base;
  return server.text === null ? null : { text: server.text, version: server.version };
}

/** What makes this content of this base. */
export function operationOn(base: ChangeBase | null, text: string | null): ChangeRow['operation'] {
  if (text === null) return 'delete';
  return base === null ? 'create' : 'update';
}

async function retryRow(tx: WriteTransaction, row: ChangeRow | CommandRow, mutationId: MutationId): Promise<void> {
  if ('method' in row) {
    await tx.objectStore('commands').put({ ...withCommandState(row, 'pending'), mutationId, attempts: 0 });
    return;
  }
  // It may have arrived: what is written from here on is sent for itself, a delete too.
  const sealed = row.state === 'unknown' ? ({ sealed: true, sent: 'again' } as const) : {};
  const next = { ...withState(row, 'pending'), ...sealed, mutationId, attempts: 0 };
  const base = baseOf(row);
  // Where the server has the record under the key of a create, it is an update of it from here on.
  const operation = row.server === undefined ? row.operation : operationOn(base, row.text);
  await tx.objectStore('changes').put({ ...next, operation, base });
}

/**
 * Makes the change or command of a failure pending again, under a new mutation id: the server's refusal of the old one is
 * final. The failure and a hold go, and what waited for it is pending again too. Resolves to false if there is none, or nothing
 * stands for it any more. With `code`, only a failure of this code: what is `unknown` is not sent without it.
 *
 * @throws UnknownOutcomeError
 */
export function retryFailure(
  database: Database,
  id: string,
  newId: () => MutationId,
  code: FailureCode | null = null,
): Promise<boolean> {
  return database.write(['failures', 'changes', 'commands', 'heads', 'marks'], async (tx) => {
    const failure = await tx.objectStore('failures').get(id);
    if (failure === undefined || failure.seq === null || (code !== null && failure.code !== code)) return false;
    const members = await membersOf(tx, failure);
    for (const member of members) {
      if (code === null) checkKnown(member);
      await retryRow(tx, member, newId());
      if ('table' in member) await endHold(tx, member);
    }
    await releaseFollowers(tx, [failure, ...recordsOf(members)]);
    return members.length > 0;
  });
}

/** Takes a failure away, and what stands for it: the record is as the server has it. The user's own word. */
export function discardFailure(
  database: Database,
  id: string,
): Promise<{ readonly table: string; readonly key: string | number } | null> {
  return database.write(['failures', 'changes', 'commands', 'heads', 'marks'], async (tx) => {
    const failure = await tx.objectStore('failures').get(id);
    if (failure === undefined) return null;
    const { table, key } = failure;
    const members = await membersOf(tx, failure);
    for (const member of members) {
      if ('method' in member) {
        await tx.objectStore('commands').delete(member.seq);
        continue;
      }
      // Edited since its group was refused: a write of its own by now.
      if (member.state === 'pending') {
        await tx.objectStore('changes').put(withoutGroup(member));
        continue;
      }
      await tx.objectStore('changes').delete([member.table, member.key, member.seq]);
      const left = await rowsOf(tx, member.table, member.key);
      if (left.length === 0) await endHold(tx, member);
    }
    await releaseFollowers(tx, [failure, ...recordsOf(members)]);
    return { table, key };
  });
}
