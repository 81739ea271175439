import type { Database } from './database.ts';
import type { CommandRow, RequestRow } from './format.ts';
import { setMeta, takeNumbers } from './meta.ts';
import { claimRequest, matchRequest, requestRowKey, type RequestIdentity } from './requests.ts';

export type CommandWriteResult =
  | { readonly type: 'stored' }
  | { readonly type: 'repeated'; readonly row: RequestRow }
  | { readonly type: 'request-changed' };

/**
 * Stores a command behind all that was made before it, and seals that (U-12): a later edit makes another row. When the
 * promise settles with `stored`, it is on disk.
 */
export function writeCommand(
  database: Database,
  command: Omit<CommandRow, 'seq'>,
  request: RequestIdentity,
): Promise<CommandWriteResult> {
  return database.write(['commands', 'meta', 'requests'], async (tx): Promise<CommandWriteResult> => {
    const match = await matchRequest(tx, request, command.madeAt);
    if (match.type === 'changed') return { type: 'request-changed' };
    if (match.type === 'repeat') {
      await claimRequest(tx, match.row, request);
      return { type: 'repeated', row: match.row };
    }
    const seq = await takeNumbers(tx, 'seq', 1);
    await setMeta(tx, 'sealedThrough', seq - 1);
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
    });
    return { type: 'stored' };
  });
}
