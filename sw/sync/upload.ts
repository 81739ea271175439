import { SyncError } from '../protocol/errors.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { StoreName, BatchContentRow } from '../store/format.ts';
import { keepCounts } from '../store/change-counts.ts';
import { getMeta, readStamp, setMeta } from '../store/meta.ts';
import { renameScope } from '../store/rename.ts';
import { acknowledge, type Acknowledged } from './acknowledge.ts';
import type { StoredBatch } from './batch-content.ts';
import { knowBatch } from './known-changes.ts';
import { endUpload, hasTurn, isAllLookedAt } from './put-off.ts';
import { prepareNext, readGround, storePrepared, type PreparedBatch } from './next-batch.ts';
import { report, uploadStepOf } from './progress.ts';
import type { BackendCall, UploadReply } from '../backend/backend.ts';
import { sendContents } from './send-contents.ts';
import { callFor, type ActiveRun, type Session } from './session.ts';
import { noteAttempt, parkUnanswered } from './unknown-outcomes.ts';
import { planBatch } from './upload-plan.ts';

const planScope: StoreName[] = [
  'changes',
  'commands',
  'members',
  'batches',
  'runs',
  'meta',
  'heads',
  'marks',
  'sentContents',
  'selected',
];
const settleScope: StoreName[] = [
  ...new Set([...planScope, ...renameScope, ...(['segments', 'failures', 'outcomes', 'imported'] as const)]),
];

/** Fewer that are all answered `later` say nothing of the server. */
const fewLater = 10;

/**
 * What a server answers must be one outcome for each id that was sent, else it is no answer (T-3). A reply with a fault may
 * lack some.
 */
function checkOutcomes(content: BatchContentRow, ids: readonly string[], whole: boolean): void {
  const sent = new Set<string>(content.items.map((item) => item.mutationId));
  const unique = new Set(ids);
  const isWrong = unique.size !== ids.length || ids.some((id) => !sent.has(id)) || (whole && ids.length !== sent.size);
  if (isWrong) {
    throw new SyncError(
      'not-our-server',
      'The upload’s answer has not one outcome for each change. Nothing of it was stored.',
      {
        retryable: true,
      },
    );
  }
}

function noteFailedAttempt({ database }: Session, { batch }: BatchContentRow): Promise<void> {
  return database.write(['batches'], async (tx) => {
    const stored = await tx.objectStore('batches').get(batch);
    if (stored !== undefined) await tx.objectStore('batches').put({ ...stored, attempts: stored.attempts + 1 });
  });
}

/** A server without idempotency is never asked twice: what it did not answer is for the user to decide (U-14). */
async function sendOnce(
  { session, journal }: ActiveRun,
  content: BatchContentRow,
  call: BackendCall,
): Promise<UploadReply> {
  try {
    // At some of it in an older batch, perhaps: or at others of its kind.
    const failedBefore = content.attempts > 0 || journal.later !== undefined || journal.putOff !== undefined;
    return await session.backend.upload(content.body, { ...call, failedBefore });
  } catch (error) {
    if (!session.backend.idempotent) await parkUnanswered(session, content);
    else if (error instanceof SyncError && error.details['status'] === 500) await noteFailedAttempt(session, content);
    throw error;
  }
}

interface SettledBatch extends Acknowledged {
  readonly next: StoredBatch | null;
  /** Of the changes, as they were before. */
  readonly stamp: string | null;
}

/**
 * Sends a stored batch and stores its outcomes. Safe to repeat: the batch goes out as it is stored, under the same ids.
 * Meanwhile `prepare` plans the one behind it, which is stored with the outcomes and left in `active.next` (SPEC P-1). True: a part of
 * it may be left to be sent.
 */
async function sendBatch(
  active: ActiveRun,
  content: BatchContentRow,
  prepare: () => Promise<PreparedBatch | null> = () => Promise.resolve(null),
): Promise<boolean> {
  const { session } = active;
  const call = await callFor(session, active.signal);
  const onAttempt = session.backend.idempotent ? {} : { onAttempt: noteAttempt(session, content.batch) };
  const sending = sendOnce(active, content, { ...call, ...onAttempt });
  // What the database says against it, it says again where the batch is planned in its turn.
  const preparing = prepare().catch(() => null);
  const reply = await sending.finally(() => preparing);
  const prepared = await preparing;
  const ids = reply.outcomes.map((outcome) => outcome.mutationId);
  checkOutcomes(content, ids, reply.fault === null && reply.isPart !== true);
  const leaves = session.environment.newId();
  const settle = async (tx: WriteTransaction): Promise<SettledBatch> => {
    const [device, ground] = await Promise.all([getMeta(tx, 'device'), readGround(tx)]);
    const stamp = ground.changes;
    const { bytesSent, bytesReceived } = active.journal;
    const counted = {
      ...active.journal,
      bytesSent: bytesSent + reply.bytesSent,
      bytesReceived: bytesReceived + reply.bytesReceived,
    };
    const { outcomes, serverEpoch, unanswered = [], wasSent = false } = reply;
    const known = active.known?.stamp === stamp ? active.known : null;
    const settled = await acknowledge(tx, session, {
      ...{ journal: counted, device: device ?? '', content, outcomes, serverEpoch, unanswered, wasSent },
      known,
    });
    const next = prepared === null ? null : await storePrepared(tx, prepared, { ...settled, ground });
    if (next !== null) {
      return { ...settled, next, stamp, known: await knowBatch(tx, next, { stamp: leaves, before: known }) };
    }
    // A server that takes nothing at all is left in peace.
    const tookNone = outcomes.length >= fewLater && outcomes.every(({ type }) => type === 'later');
    const ends = reply.gaveUp === true || tookNone;
    if (ends && hasTurn(counted.putOff)) await setMeta(tx, 'turnThrough', counted.uploadedThrough);
    const left = ends ? endUpload(settled.journal) : settled.journal;
    await tx.objectStore('runs').put(left);
    // There are no rows to know before the next batch.
    const stillKnown = settled.known === null ? null : { ...settled.known, stamp: leaves, rows: new Map() };
    return { ...settled, journal: left, next, stamp, known: stillKnown };
  };
  const settled = await session.database.write(settleScope, settle, { stamp: leaves });
  const { events, next, isPlain, stamp, gone } = settled;
  if (isPlain) keepCounts(session.base, { from: stamp, to: leaves, gone });
  const { journal } = next ?? settled;
  active.known = settled.known;
  active.journal = journal;
  active.next = next?.content ?? null;
  for (const event of events) session.announce(event);
  report(active, uploadStepOf(journal));
  if (reply.fault !== null) {
    if (!session.backend.idempotent) await parkUnanswered(session, content);
    throw reply.fault;
  }
  return reply.isPart === true;
}

/** Sends what is in flight, before anything newer (invariant 3): when the last worker stopped, or of what went out in part. True: something is left. */
async function settleOldBatches(active: ActiveRun): Promise<boolean> {
  const { database } = active.session;
  const keys = await database.read(['batches'], (tx) => tx.objectStore('batches').getAllKeys());
  if (keys.length > 0 && active.journal.progress?.phase !== 'upload') {
    report(active, uploadStepOf(active.journal));
    await database.write(['runs'], (tx) => tx.objectStore('runs').put(active.journal), { durability: 'relaxed' });
  }
  for (const key of keys) {
    const content = await database.read(['batches'], (tx) => tx.objectStore('batches').get(key));
    if (content === undefined) continue;
    if (!active.session.backend.idempotent) await parkUnanswered(active.session, content);
    else if (await sendBatch(active, content)) return true;
  }
  return false;
}

export type UploadStep = 'more' | 'done';

/** One step of the upload phase: the batch that the last step stored, old batches, or the next one. `done` when nothing sendable is left. */
export async function uploadStep(active: ActiveRun): Promise<UploadStep> {
  const { session, next } = active;
  if (next !== null) {
    active.next = null;
    await sendBatch(active, next, () => prepareNext(active, next));
    return 'more';
  }
  if ((await settleOldBatches(active)) || session.environment.isReplaced()) return 'more';
  await session.olderRows.upgrade(session.announce);
  if (isAllLookedAt(active.journal)) {
    await reportFailures(active);
    return 'done';
  }
  const leaves = session.environment.newId();
  const [plan, known, stamp] = await session.database.write(
    planScope,
    async (tx) => {
      const [device, found] = await Promise.all([getMeta(tx, 'device'), readStamp(tx)]);
      const { base, schema, backend } = session;
      const context = { base, schema, backend, device: device ?? '', isAsked: session.traffic.isOn() };
      const made = await planBatch(tx, context, active.journal);
      if (made.type !== 'batch') return [made, null, found];
      const before = active.known?.stamp === found ? active.known : null;
      return [made, await knowBatch(tx, made, { stamp: leaves, before }), found];
    },
    { stamp: leaves },
  );
  active.known = known;
  keepCounts(session.base, { from: stamp, to: leaves, gone: [] });
  switch (plan.type) {
    case 'done':
      await reportFailures(active);
      return 'done';
    case 'contents':
      await sendContents(active, plan.contents);
      return 'more';
    case 'skip':
      active.journal = plan.journal;
      return 'more';
    case 'batch':
      // Once a run: else one that kills its worker again and again would seem to go on.
      if (active.journal.progress?.phase !== 'upload') report(active, uploadStepOf(plan.journal));
      active.journal = plan.journal;
      await sendBatch(active, plan.content, () => prepareNext(active, plan.content));
      return 'more';
  }
}

const failuresInReport = 200;

/** Tells the server's failure log what it did not take (F-01). Not being able to tell it is no fault of the run. */
async function reportFailures(active: ActiveRun): Promise<void> {
  const { session } = active;
  const rows = await session.database.read(['failures'], (tx) =>
    tx.objectStore('failures').index('reported').getAll(0, failuresInReport),
  );
  if (rows.length === 0) return;
  try {
    const failures = rows.map(({ id, table, key, operation, content, base, code, message, user, device, run, at }) => ({
      id,
      table,
      key,
      operation,
      content: jsonOf(content),
      base: jsonOf(base),
      code,
      message,
      user,
      device,
      run,
      at,
    }));
    await session.backend.reportFailures(failures, await callFor(session, active.signal));
  } catch (error) {
    if (active.signal.aborted) throw error;
    return;
  }
  await session.database.write(['failures'], async (tx) => {
    const store = tx.objectStore('failures');
    for (const { id } of rows) {
      const row = await store.get(id);
      if (row !== undefined) await store.put({ ...row, reported: 1 });
    }
  });
}

function jsonOf(value: unknown): null | boolean | number | string | Record<string, never> {
  // Contents came from JSON; the round trip makes that visible to the type as well.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- JSON.parse gives JSON
  return JSON.parse(JSON.stringify(value ?? null));
}
