import { withCurrentCommand } from './aliases.ts';
import type { RecordRef } from './blocked.ts';
import { rowsOf } from './changes.ts';
import type { Database, WriteTransaction } from './database.ts';
import type { CommandRow } from './format.ts';
import type { RequestRow } from './request-rows.ts';
import { setMeta, takeNumbers } from './meta.ts';
import type { Schema } from './schema.ts';
import { claimRequest, matchRequest, requestRowKey, type RequestIdentity } from './requests.ts';

export type CommandWriteResult =
  | { readonly type: 'stored'; readonly seq: number }
  | { readonly type: 'repeated'; readonly row: RequestRow }
  | { readonly type: 'request-changed' };

export interface CommandScope {
  readonly schema: Schema;
  /** Seals every change, not only those of the records that it names. */
  readonly sealsAll: boolean;
}

/** A later edit of these records makes another row. */
async function seal(tx: WriteTransaction, names: readonly RecordRef[]): Promise<void> {
  for (const { table, key } of names) {
    const last = (await rowsOf(tx, table, key)).at(-1);
    if (last !== undefined) await tx.objectStore('changes').put({ ...last, sealed: true });
  }
}

/**
 * Stores a command behind all that was made before it, and seals that (U-12): a later edit makes another row. When the
 * promise settles with `stored`, it is on disk.
 */
export function writeCommand(
  database: Database,
  given: Omit<CommandRow, 'seq'>,
  request: RequestIdentity,
  { schema, sealsAll }: CommandScope,
): Promise<CommandWriteResult> {
  return database.write(
    ['aliases', 'changes', 'commands', 'meta', 'requests'],
    async (tx): Promise<CommandWriteResult> => {
      const match = await matchRequest(tx, request, given.madeAt);
      if (match.type === 'changed') return { type: 'request-changed' };
      if (match.type === 'repeat') {
        await claimRequest(tx, match.row, request);
        return { type: 'repeated', row: match.row };
      }
      const command = await withCurrentCommand(tx, schema, given);
      const seq = await takeNumbers(tx, 'seq', 1);
      if (sealsAll) await setMeta(tx, 'sealedThrough', seq - 1);
      else await seal(tx, command.names);
      await tx.objectStore('commands').put({ ...command, seq });
      await tx.objectStore('requests').put({
        fingerprint: requestRowKey(request),
        incarnation: request.incarnation,
        at: command.madeAt,
        bodyHash: request.bodyHash,
        status: 202,
        body: JSON.stringify({ id: command.mutationId }),
        location: null,
        table: '',
        key: command.mutationId,
        mutationId: command.mutationId,
        explicit: request.explicit,
        seqs: [seq, seq],
      });
      return { type: 'stored', seq };
    },
  );
}
