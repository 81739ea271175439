import { withState } from '../store/changes.ts';
import type { BatchContentRow, FailureRow } from '../store/format.ts';
import { getMeta } from '../store/meta.ts';
import { parseStored } from './rebase.ts';
import type { Session } from './session.ts';

const message =
  'It was sent, but no answer came, and this server may have taken it. Send it again only if it did not arrive.';

/**
 * Takes back a batch of which a server without idempotency gave no word (U-14): a create or command may have been applied, so
 * it is never sent again by itself, and a failure `unknown` says so; updates and deletes can be repeated and are pending again.
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
    for (const item of stored.items) {
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
        const failure = await fail({ ...command, seq: null });
        await tx
          .objectStore('commands')
          .put({ ...row, state: 'unknown', reason: { code: 'unknown', message, failure } });
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
