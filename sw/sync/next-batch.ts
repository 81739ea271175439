import type { BatchContentRow, StoreName } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import type { AnyTransaction, WriteTransaction } from '../store/database.ts';
import { getMeta, readSeqState, readStamp } from '../store/meta.ts';
import { makeBatch, storeBatch, type MadeBatch, type StoredBatch } from './batch-content.ts';
import type { ActiveRun } from './session.ts';
import { commandId, refId } from './upload-order.ts';
import { charactersInBatch, chooseNext } from './upload-plan.ts';

const prepareScope: StoreName[] = ['changes', 'commands', 'heads', 'marks', 'members', 'meta', 'sentContents'];

/** Two batches in memory are together no larger than one may be. */
const charactersAhead = charactersInBatch / 2;

/** What changes and heads were when they were read. Writes that were guessed leave it as it is (W-2). */
interface Ground {
  readonly changes: string | null;
  readonly heads: string | null;
}

/** A batch that was planned while another one was under way. It is in memory alone. */
export interface PreparedBatch {
  readonly made: MadeBatch;
  readonly uploadedThrough: number;
  readonly ground: Ground;
}

/** In the caller's first requests of a transaction: they are sent before the transaction's own stamps. */
export async function readGround(tx: AnyTransaction): Promise<Ground> {
  const [changes, { headsStamp }] = await Promise.all([readStamp(tx), readSeqState(tx)]);
  return { changes, heads: headsStamp };
}

/**
 * Plans the batch that follows one under way, as if all of that one were taken (SPEC P-2). Reads only. Null: it must be
 * planned when that one is settled.
 */
export async function prepareNext(active: ActiveRun, underWay: BatchContentRow): Promise<PreparedBatch | null> {
  const { session, journal } = active;
  const { base, schema, backend, database } = session;
  const isPlain = journal.selection === undefined && journal.resend.length === 0 && backend.idempotent;
  if (!isPlain || journal.uploadedThrough >= journal.throughSeq || underWay.body.length > charactersAhead) return null;
  const ids = new Set(
    underWay.items.map((item) => (item.type === 'change' ? refId(item) : commandId(item.mutationId))),
  );
  return database.read(prepareScope, async (tx) => {
    const [ground, device] = await Promise.all([readGround(tx), getMeta(tx, 'device')]);
    const context = { base, schema, backend, device: device ?? '', isAsked: session.traffic.isOn() };
    const chosen = await chooseNext(tx, context, journal, { underWay: ids, characters: charactersAhead });
    if (chosen.type !== 'batch' || chosen.next.putOff !== journal.putOff) return null;
    const made = makeBatch(chosen, { ...context, run: journal.run });
    return { made, uploadedThrough: chosen.next.uploadedThrough, ground };
  });
}

/**
 * Stores a prepared batch in the transaction that settled the one before it, if all of that was taken, and nothing else has
 * moved (SPEC P-3). Null: nothing was stored. The ground is as this transaction found it.
 */
export async function storePrepared(
  tx: WriteTransaction,
  { made, uploadedThrough, ground }: PreparedBatch,
  settled: { readonly journal: JournalRow; readonly isPlain: boolean; readonly ground: Ground },
): Promise<StoredBatch | null> {
  const { journal, isPlain, ground: found } = settled;
  if (!isPlain || found.changes !== ground.changes || found.heads !== ground.heads) return null;
  return storeBatch(tx, made, { ...journal, uploadedThrough });
}
