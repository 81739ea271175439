import type { KeyNames } from '../protocol/key-names.ts';
import { isJsonObject, type Json, type MutationId } from '../protocol/record.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem } from '../store/format.ts';
import { renameWireChange } from '../store/rename.ts';
import { parseStored } from '../store/rebase.ts';
import type { Session } from './session.ts';

/** The stored body with some of its changes alone; they keep their ids, and name records as they are known now. */
function withOnly(body: string, ids: ReadonlySet<unknown>, rename: (change: unknown) => unknown): string {
  const frame = parseStored(body);
  const { changes } = frame;
  const stays = (change: Json): boolean => isJsonObject(change) && ids.has(change['mutationId']);
  return JSON.stringify({ ...frame, changes: Array.isArray(changes) ? changes.filter(stays).map(rename) : changes });
}

/**
 * Makes rows pending again that were not asked for by themselves. What went out and may have been taken keeps its id: what is made on it is
 * a row over it (SPEC 3.2, `later`).
 */
async function leaveRows(tx: WriteTransaction, items: readonly BatchItem[], wasSent: boolean): Promise<void> {
  const changes = tx.objectStore('changes');
  const commands = tx.objectStore('commands');
  await Promise.all(
    items.map(async (item) => {
      if (item.type === 'command') {
        const command = await commands.get(item.seq);
        if (command !== undefined) await commands.put(untried(command));
        return;
      }
      const row = await changes.get([item.table, item.key, item.seq]);
      if (row === undefined) return;
      await changes.put(wasSent ? { ...untried(row), sealed: true, sent: row.sent ?? 'perhaps' } : untried(row));
    }),
  );
}

function untried<Row extends { readonly triedIn?: unknown }>(row: Row): Row {
  const { triedIn, ...rest } = row;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the field may be missing
  return triedIn === undefined ? row : (rest as Row);
}

/**
 * Keeps of an answered batch what has no outcome yet; a batch without such is gone (SPEC T-1). It goes as it was stored, under the keys
 * of now, if nothing was refused for which it may have to wait; else all but what is on the wire still is pending again, to be planned anew.
 * Gives what is to be.
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
    /** Of the rest: what went out by itself and got no answer. */
    readonly unanswered: readonly MutationId[];
    /** All of the rest went out. */
    readonly wasSent: boolean;
  },
): Promise<readonly number[]> {
  const { content, items, outcomes, names, unanswered } = answered;
  const rest = items.filter((item) => !outcomes.has(item.mutationId));
  // A server without idempotency may not be sent it again: what became of it is the user's to say.
  const isReplanned = backend.idempotent && !answered.goesAsItIs;
  const stay = isReplanned ? rest.filter(({ mutationId }) => unanswered.includes(mutationId)) : rest;
  const left = rest.filter((item) => !stay.includes(item));
  await leaveRows(tx, left, answered.wasSent);
  const pending = left.map(({ seq }) => seq);
  if (stay.length === 0) {
    await Promise.all([
      tx.objectStore('batches').delete(content.batch),
      tx.objectStore('members').delete(content.batch),
    ]);
    return pending;
  }
  if (stay.length === content.items.length) return pending;
  const stored = await tx.objectStore('batches').get(content.batch);
  const attempted = stored?.attempted === undefined ? {} : { attempted: stored.attempted };
  // What was answered must not go out once more with the rest.
  const rename = (change: unknown): unknown => renameWireChange(schema, names, change);
  const body = withOnly(content.body, new Set(stay.map(({ mutationId }) => mutationId)), rename);
  const seqs = stay.map(({ seq }) => seq);
  await Promise.all([
    tx.objectStore('batches').put({ ...content, ...attempted, items: stay, body }),
    tx.objectStore('members').put({ batch: content.batch, run: content.run, seqs }),
  ]);
  return pending;
}
