import { rowsOf, withCommandState, withState } from '../store/changes.ts';
import { addSegments } from '../store/add-segments.ts';
import { releaseFollowers } from '../store/blocked.ts';
import type { BatchContentRow, FailureRow, StoreName } from '../store/format.ts';
import { segmentOf } from '../store/staging.ts';
import { SyncError } from '../protocol/errors.ts';
import type { MutationId } from '../protocol/record.ts';
import { getMeta } from '../store/meta.ts';
import { noteOutcomes } from '../store/outcomes.ts';
import { parseStored } from '../store/rebase.ts';
import type { Session } from './session.ts';

const message =
  'It was sent, but no answer came, and this server may have taken it. Send it again only if it did not arrive.';

/**
 * Takes back a batch of which a server without idempotency gave no word (U-14): a create or command may have been applied, so
 * it is never sent again by itself, and a failure `unknown` says so. What was not begun, and updates and deletes can be repeated and are pending again.
 */
export function parkUnanswered(session: Session, content: BatchContentRow): Promise<void> {
  const { environment, user } = session;
  return session.database.write(['changes', 'commands', 'members', 'batches', 'failures', 'meta'], async (tx) => {
    const stored = await tx.objectStore('batches').get(content.batch);
    if (stored === undefined) return;
    const device = (await getMeta(tx, 'device')) ?? '';
    const fail = async (of: Pick<FailureRow, 'table' | 'key' | 'operation' | 'content' | 'seq'>): Promise<string> => {
      const id = environment.newId();
      const failure: FailureRow = {
        ...{ id, ...of, base: null, code: 'unknown', message, user, device, run: content.run },
        ...{ at: environment.now(), retriable: of.seq !== null, reported: 0 },
      };
      await tx.objectStore('failures').put(failure);
      return id;
    };
    const attempted = new Set(stored.attempted ?? []);
    for (const item of stored.items) {
      // What was never sent is pending as before.
      if (!attempted.has(item.mutationId)) continue;
      if (item.type === 'command') {
        const row = await tx.objectStore('commands').get(item.seq);
        if (row === undefined) continue;
        const { method, path, body } = row;
        const command = {
          table: '',
          key: row.mutationId,
          operation: 'command',
          content: { method, path, body },
        } as const;
        const failure = await fail({ ...command, seq: row.seq });
        await tx.objectStore('commands').put(withCommandState(row, 'unknown', { code: 'unknown', message, failure }));
        continue;
      }
      const row = await tx.objectStore('changes').index('seq').get(item.seq);
      if (row === undefined || row.operation !== 'create') continue;
      const { table, key, operation, text, seq } = row;
      const failure = await fail({ table, key, operation, content: text === null ? null : parseStored(text), seq });
      await tx.objectStore('changes').put(withState(row, 'unknown', { code: 'unknown', message, failure }));
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

/**
 * The user's word that what was sent without an answer has arrived: it is not sent again. A record under a key of its own
 * stays as it was sent, until a download brings what the server made of it; one whose key the server made comes with the
 * next download. Resolves to false if there is no such failure.
 */
export function noteArrival(session: Session, id: string): Promise<boolean> {
  const { base, database, schema } = session;
  const scope: StoreName[] = ['failures', 'changes', 'commands', 'heads', 'segments', 'meta', 'outcomes'];
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
    if (table.serverKeys && above.length > 0) {
      throw new SyncError(
        'unsupported',
        'The record was edited since, and its key on the server is not known. Synchronize, make the edits there, and discard this one.',
      );
    }
    await Promise.all([
      tx.objectStore('failures').delete(id),
      tx.objectStore('changes').delete([name, key, seq]),
      noteOutcomes(tx, [arrived]),
    ]);
    if (!table.serverKeys && row.text !== null) {
      const overlay = new Map([[key, { key, text: row.text, version: '', fields: {} }]]);
      await addSegments(tx, base, [[name, segmentOf(overlay)]]);
    }
    await releaseFollowers(tx, [{ table: name, key }]);
    return true;
  });
}
