import { seqsInFlight, withCommandState, withState } from './changes.ts';
import type { WriteTransaction } from './database.ts';
import type { FailureRow, GroupRef } from './format.ts';
import { readGroup } from './groups.ts';

const message =
  'Another part of its group can no longer be sent, so none of it is. Send it without that part, or discard it.';

/**
 * Holds back what is left of a group of which a part was taken away by something else than its user's word: it is not sent
 * alone unless the user says so (N-7). Scope: changes, commands, failures, members.
 */
export async function parkGroup(
  tx: WriteTransaction,
  group: GroupRef,
  of: Pick<FailureRow, 'user' | 'device' | 'at'> & { readonly newId: () => string },
): Promise<void> {
  const inFlight = await seqsInFlight(tx);
  for (const row of await readGroup(tx, group)) {
    if (inFlight.has(row.seq) || (row.state !== 'pending' && row.state !== 'blocked')) continue;
    const failure = of.newId();
    const reason = { code: 'superseded', message, failure };
    const { user, device, at } = of;
    const made: Omit<FailureRow, 'table' | 'key' | 'operation' | 'content' | 'base'> = {
      ...{ id: failure, code: 'superseded', message, user, device, run: '', at, retriable: true, seq: row.seq },
      ...{ mutationId: row.mutationId, group: group.id, reported: 0 },
    };
    if ('method' in row) {
      const { method, path, body, mutationId: key } = row;
      await tx.objectStore('commands').put(withCommandState(row, 'rejected', reason));
      const content = { method, path, body };
      await tx.objectStore('failures').put({ ...made, table: '', key, operation: 'command', content, base: null });
    } else {
      const { table, key, operation, text, base } = row;
      await tx.objectStore('changes').put(withState(row, 'rejected', reason));
      const content: unknown = text === null ? null : JSON.parse(text);
      const from: unknown = base === null ? null : JSON.parse(base.text);
      await tx.objectStore('failures').put({ ...made, table, key, operation, content, base: from });
    }
  }
}
