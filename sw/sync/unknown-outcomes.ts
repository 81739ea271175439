import { rowsBetween, rowsOf, withCommandState, withState } from '../store/changes.ts';
import { addSegments } from '../store/add-segments.ts';
import type { WriteTransaction } from '../store/database.ts';
import { releaseFollowers, type RecordRef } from '../store/blocked.ts';
import type { BatchContentRow, ChangeRow, CommandRow, FailureRow, StoreName } from '../store/format.ts';
import { segmentOf } from '../store/staging.ts';
import { SyncError } from '../protocol/errors.ts';
import type { MutationId } from '../protocol/record.ts';
import { releaseHolds } from '../store/marks.ts';
import { getMeta } from '../store/meta.ts';
import { noteOutcomes } from '../store/outcomes.ts';
import { parseStored } from '../store/rebase.ts';
import type { Schema } from '../store/schema.ts';
import type { Session } from './session.ts';
import { neededBy } from './upload-order.ts';

const unanswered =
  'It was sent, but no answer came, and this server may have taken it. Send it again only if it did not arrive.';

/** What went out and was not answered, with the failure that says so. */
export interface Unknown<Row> {
  readonly row: Row;
  readonly failure: FailureRow;
}

export interface Sent extends Pick<FailureRow, 'device' | 'run'> {
  /** @default it was not answered */
  readonly message?: string;
}

/** Its id is made of the mutation's: a file of unsent work may say the same more than once. */
function failureOf(
  { environment, user }: Session,
  id: MutationId,
  { message = unanswered, ...of }: Pick<FailureRow, 'table' | 'key' | 'operation' | 'content' | 'seq'> & Sent,
): FailureRow {
  return {
    ...{ id: `unknown:${id}`, ...of, base: null, code: 'unknown', message, user },
    ...{ at: environment.now(), retriable: true, reported: 0 },
  };
}

function reasonOf({ id: failure, message }: FailureRow): NonNullable<ChangeRow['reason']> {
  return { code: 'unknown', message, failure };
}

export function unknownCommand(session: Session, row: CommandRow, sent: Sent): Unknown<CommandRow> {
  const { method, path, body, mutationId: key, seq } = row;
  const content = { method, path, body };
  const failure = failureOf(session, key, { table: '', key, operation: 'command', content, seq, ...sent });
  return { row: withCommandState(row, 'unknown', reasonOf(failure)), failure };
}

/** Null: it can be repeated. */
export function unknownChange(session: Session, row: ChangeRow, sent: Sent): Unknown<ChangeRow> | null {
  const { table, key, operation, text, seq, mutationId } = row;
  if (operation !== 'create') return null;
  const content = text === null ? null : parseStored(text);
  const failure = failureOf(session, mutationId, { table, key, operation, content, seq, ...sent });
  return { row: withState(row, 'unknown', reasonOf(failure)), failure };
}

/**
 * Takes back a batch of which a server without idempotency gave no word (U-14): a create or command may have been applied, so
 * it is never sent again by itself, and a failure `unknown` says so. What was not begun, and updates and deletes can be repeated and are pending again.
 */
export function parkUnanswered(session: Session, content: BatchContentRow): Promise<void> {
  return session.database.write(['changes', 'commands', 'members', 'batches', 'failures', 'meta'], async (tx) => {
    const stored = await tx.objectStore('batches').get(content.batch);
    if (stored === undefined) return;
    const device = (await getMeta(tx, 'device')) ?? '';
    const attempted = new Set(stored.attempted ?? []);
    const sent = { device, run: content.run };
    for (const { type, mutationId, seq } of stored.items) {
      // What was never sent is pending as before.
      if (!attempted.has(mutationId)) continue;
      if (type === 'command') {
        const row = await tx.objectStore('commands').get(seq);
        const unknown = row === undefined ? null : unknownCommand(session, row, sent);
        if (unknown === null) continue;
        await tx.objectStore('failures').put(unknown.failure);
        await tx.objectStore('commands').put(unknown.row);
        continue;
      }
      const row = await tx.objectStore('changes').index('seq').get(seq);
      const unknown = row === undefined ? null : unknownChange(session, row, sent);
      if (unknown === null) continue;
      await tx.objectStore('failures').put(unknown.failure);
      await tx.objectStore('changes').put(unknown.row);
    }
    await Promise.all([
      tx.objectStore('batches').delete(content.batch),
      tx.objectStore('members').delete(content.batch),
    ]);
  });
}

/**
 * Stores that a request goes out of which nobody could tell, if it is not answered, whether it had its effect. It must not
 * go out before: a worker that is stopped in between leaves it as never sent, and that is true.
 */
export function noteAttempt(session: Session, batch: number): (id: MutationId) => Promise<void> {
  return (id) =>
    session.database.write(['batches'], async (tx) => {
      const stored = await tx.objectStore('batches').get(batch);
      if (stored === undefined) return;
      await tx.objectStore('batches').put({ ...stored, attempted: [...(stored.attempted ?? []), id] });
    });
}

/** Whether a change, a draft or a command names a record. */
async function isNamed(tx: WriteTransaction, schema: Schema, { table: name, key }: RecordRef): Promise<boolean> {
  const commands = await tx.objectStore('commands').getAll();
  const isIt = (ref: RecordRef): boolean => ref.table === name && ref.key === key;
  if (commands.some((command) => command.names.some(isIt))) return true;
  for (const table of schema.tables.values()) {
    if (!table.references.some((reference) => reference.table === name)) continue;
    const drafts = tx.objectStore('drafts').getAll(IDBKeyRange.bound([table.name], [table.name, []]));
    const rows = [...(await rowsBetween(tx, table.name, null, null)), ...(await drafts)];
    if (rows.some((row) => neededBy(table, row).some(isIt))) return true;
  }
  return false;
}

/**
 * The user's word that what was sent without an answer has arrived: it is not sent again. A record under a key of its own
 * stays as it was sent, until a download brings what the server made of it; one whose key the server made comes with the
 * next download. Resolves to false if there is no such failure.
 */
export function noteArrival(session: Session, id: string): Promise<boolean> {
  const { base, database, schema } = session;
  const scope: StoreName[] = [
    'failures',
    'changes',
    'commands',
    'heads',
    'marks',
    'segments',
    'meta',
    'outcomes',
    'drafts',
  ];
  return database.write(scope, async (tx) => {
    const failure = await tx.objectStore('failures').get(id);
    if (failure?.code !== 'unknown' || failure.seq === null) return false;
    const { table: name, key, seq } = failure;
    const arrived = { seq, at: session.environment.now(), end: { type: 'applied' } } as const;
    if (failure.operation === 'command') {
      await noteOutcomes(tx, [arrived]);
      await Promise.all([tx.objectStore('failures').delete(id), tx.objectStore('commands').delete(seq)]);
      return true;
    }
    const [row, ...above] = await rowsOf(tx, name, key);
    const table = schema.tables.get(name);
    if (row?.seq !== seq || table === undefined) return false;
    // Nothing would ever put the server's key in the place of the temporary one.
    if (table.serverKeys && (above.length > 0 || (await isNamed(tx, schema, { table: name, key })))) {
      throw new SyncError(
        'unsupported',
        'Its key on the server is not known, and edits or references need it. Synchronize, make them there, discard this one.',
      );
    }
    await Promise.all([
      tx.objectStore('failures').delete(id),
      tx.objectStore('changes').delete([name, key, seq]),
      noteOutcomes(tx, [arrived]),
    ]);
    if (above.length === 0) await releaseHolds(tx, base, [{ table: name, key }]);
    if (!table.serverKeys && row.text !== null) {
      const overlay = new Map([[key, { key, text: row.text, version: '', fields: {} }]]);
      await addSegments(tx, base, [[name, segmentOf(overlay)]]);
    }
    await releaseFollowers(tx, [{ table: name, key }]);
    return true;
  });
}
