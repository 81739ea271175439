import type { KeyNames } from '../protocol/key-names.ts';
import { isJsonObject, type Json, type MutationId } from '../protocol/record.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem } from '../store/format.ts';
import { renameWireChange } from '../store/rename.ts';
import { parseStored } from '../store/rebase.ts';
import type { Session } from './session.ts';

/** The stored body without the changes that were answered; the others keep their ids, and name records as they are known now. */
function withoutChanges(body: string, answered: ReadonlySet<string>, rename: (change: unknown) => unknown): string {
  const frame = parseStored(body);
  const { changes } = frame;
  const isAnswered = (id: unknown): boolean => typeof id === 'string' && answered.has(id);
  const isLeft = (change: Json): boolean => !isJsonObject(change) || !isAnswered(change['mutationId']);
  return JSON.stringify({ ...frame, changes: Array.isArray(changes) ? changes.filter(isLeft).map(rename) : changes });
}

/** What was sent, and may have been taken: it keeps its id, and what is made on it is a row over it (SPEC 3.2, `later`). */
async function sealRows(tx: WriteTransaction, items: readonly BatchItem[]): Promise<void> {
  const changes = tx.objectStore('changes');
  await Promise.all(
    items.map(async (item) => {
      const row = item.type === 'change' ? await changes.get([item.table, item.key, item.seq]) : undefined;
      if (row !== undefined) await changes.put({ ...row, sealed: true });
    }),
  );
}

/**
 * Keeps of an answered batch what has no outcome yet; a batch without such is gone (SPEC T-1). It goes as it was stored, under the keys
 * of now, if nothing was refused for which it may have to wait; else it is pending again, to be planned anew. Gives what is to be.
 */
export async function storeRest(
  tx: WriteTransaction,
  { schema, backend }: Session,
  answered: {
    readonly content: BatchContentRow;
    readonly items: readonly BatchItem[];
    readonly outcomes: ReadonlyMap<MutationId, unknown>;
    readonly names: KeyNames;
    readonly goesAsItIs: boolean;
  },
): Promise<readonly number[]> {
  const { content, items, outcomes, names } = answered;
  const rest = items.filter((item) => !outcomes.has(item.mutationId));
  const seqs = rest.map((item) => item.seq);
  // A server without idempotency may not be sent it again: what became of it is the user's to say.
  const isReplanned = backend.idempotent && !answered.goesAsItIs;
  if (rest.length === 0 || isReplanned) {
    await Promise.all([
      tx.objectStore('batches').delete(content.batch),
      tx.objectStore('members').delete(content.batch),
      sealRows(tx, rest),
    ]);
    return seqs;
  }
  if (rest.length === content.items.length) return [];
  const stored = await tx.objectStore('batches').get(content.batch);
  const attempted = stored?.attempted === undefined ? {} : { attempted: stored.attempted };
  // What was answered must not go out once more with the rest.
  const rename = (change: unknown): unknown => renameWireChange(schema, names, change);
  const body = withoutChanges(content.body, new Set(outcomes.keys()), rename);
  await Promise.all([
    tx.objectStore('batches').put({ ...content, ...attempted, items: rest, body }),
    tx.objectStore('members').put({ batch: content.batch, run: content.run, seqs }),
  ]);
  return [];
}
