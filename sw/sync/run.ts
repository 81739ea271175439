import { CancelledError, SyncError } from '../protocol/errors.ts';
import type { RunMode, RunTrigger, SynchronizeResult } from '../protocol/run.ts';
import { isRunId } from '../protocol/record.ts';
import { untilUnmoved } from '../store/base.ts';
import { changeCountScope, countChanges } from '../store/change-counts.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { FailureRow, StoreName } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { deleteMeta, getMeta } from '../store/meta.ts';
import { isOfRun, stagedRows, switchedHead } from '../store/staging.ts';
import { changedKeys, type ChangedKeys } from './changed-keys.ts';
import { endOf, endRun, endScope, endWithoutSwitch } from './end-run.ts';
import { emptyTables } from './empty-tables.ts';
import { downloadAll, downloadedTables, groundOf } from './download.ts';
import { fetchStep } from './fetch-contents.ts';
import { report } from './progress.ts';
import { nextState, type RunEvent, type RunFacts } from './run-state.ts';
import type { ActiveRun, Session } from './session.ts';
import { findSuperseded, supersede, supersedeScope, type Superseded } from './superseded.ts';
import { addToTally } from './tally.ts';
import { SliceOverError } from './transfer-fault.ts';
import { refreshStep } from './refresh.ts';
import { isWaiting } from './retry.ts';
import { mergeMeanwhile } from './merge-meanwhile.ts';
import { resolveSelection, type Selection } from './selection.ts';
import { storeSelection } from '../store/selected.ts';
import { uploadStep } from './upload.ts';

export interface RunRequest {
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  readonly full: boolean;
  /** Of mode `selected`. */
  readonly selection?: Selection;
}

/** Opens a run: from here on the journal row is the run. What it uploads is what is stored now. */
export async function openRun(session: Session, request: RunRequest): Promise<JournalRow> {
  const run = session.environment.newId();
  if (!isRunId(run)) throw new TypeError('newId made no usable id');
  const { mode, trigger, full, selection } = request;
  const parts = selection === undefined ? [] : await resolveSelection(session, selection);
  const keys = parts.reduce((sum, part) => sum + part.keys.length, 0);
  const includeParents = selection?.includeParents ?? true;
  const open = async (tx: WriteTransaction): Promise<JournalRow> => {
    await storeSelection(tx, parts);
    const [throughSeq, backoff, counts, stuck, commands] = await Promise.all([
      getMeta(tx, 'seq'),
      getMeta(tx, 'backoff'),
      countChanges(tx, session.base),
      tx.objectStore('changes').index('stuck').count(),
      tx.objectStore('commands').count(),
    ]);
    const changes = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const uploadTotal = mode === 'selected' ? Math.min(keys, changes + commands) : changes - stuck + commands;
    const now = session.environment.now();
    const isEarly = trigger !== 'call' && isWaiting(backoff ?? null, now) && backoff?.forThrough !== undefined;
    const row: JournalRow = {
      id: 'open',
      run,
      ...(isEarly ? { putOff: 'left' } : {}),
      ...{ mode, trigger, full },
      ...(mode === 'selected' ? { selection: { parts: parts.length, done: 0, keys, includeParents } } : {}),
      user: session.user,
      startedAt: now,
      state: 'uploading',
      throughSeq: throughSeq ?? 0,
      uploadedThrough: 0,
      uploadTotal,
      uploadDone: 0,
      resend: [],
      tally: {},
      commands: 0,
      failed: 0,
      bytesSent: 0,
      bytesReceived: 0,
      warnings: [],
      progress: null,
    };
    await tx.objectStore('runs').put(row);
    return row;
  };
  const journal = await session.database.write(['runs', 'commands', 'selected', ...changeCountScope], open, {
    isTold: true,
  });
  session.announce({ type: 'started', run, mode: journal.mode, trigger: journal.trigger });
  return journal;
}

/** The run that is open in the journal, or null. */
export async function readJournal(session: Session): Promise<JournalRow | null> {
  const row = await session.database.read(['runs'], (tx) => tx.objectStore('runs').get('open'));
  return row !== undefined && 'mode' in row ? row : null;
}

/**
 * The switch (L-2): heads of all tables, the journal and the history in one strict transaction. Null: the run goes on with
 * the contents of files.
 */
async function applySwitch(active: ActiveRun): Promise<SynchronizeResult | null> {
  const { session } = active;
  return untilUnmoved(async () => switchHeads(active, await findSuperseded(session, active.journal.mode)));
}

async function switchHeads(active: ActiveRun, superseded: readonly Superseded[]): Promise<SynchronizeResult | null> {
  const { session } = active;
  const tables: Record<string, ChangedKeys> = {};
  let ended: readonly FailureRow[] = [];
  const isHolding = superseded.some(({ keys }) => keys.length > 0);
  const scope: StoreName[] = [...endScope, 'heads', 'segments', 'roots', ...(isHolding ? supersedeScope : [])];
  const result = await session.database.write([...new Set(scope)], async (tx) => {
    let { journal } = active;
    ended = await supersede(tx, session, journal.run, superseded);
    for (const staged of await stagedRows(tx)) {
      if (!isOfRun(staged, journal.mode)) continue;
      const table = session.schema.tables.get(staged.table);
      // Its scope was changed meanwhile: the next run downloads it for the new one.
      const isForeign = staged.refresh !== true && (table === undefined || staged.ground !== groundOf(session, table));
      if (isForeign) {
        await tx.objectStore('runs').delete(staged.id);
        continue;
      }
      const head = await session.base.readHead(tx, staged.table);
      const next = switchedHead(head, staged, session.environment.now());
      await tx.objectStore('heads').put(next);
      await tx.objectStore('runs').delete(staged.id);
      const { downloaded, removed } = staged;
      journal = addToTally(journal, staged.table, { downloaded, removed });
      if (downloaded + removed > 0 || staged.full) tables[staged.table] = await changedKeys(tx, staged);
    }
    if (journal.mode === 'all') {
      await deleteMeta(tx, 'storageReset');
      for (const { table, removed } of await emptyTables(tx, session)) {
        journal = addToTally(journal, table, { removed });
        tables[table] = { changed: null, removed: null };
      }
    }
    const transition = nextState(journal.state, { type: 'applied' }, factsOf(active, journal));
    const state = transition.type === 'to' ? transition.state : null;
    active.journal = state === null || state.type === 'ended' ? journal : { ...journal, state: state.type };
    if (state?.type === 'ended') return endRun(tx, session, journal, endOf(state.outcome, journal));
    await tx.objectStore('runs').put(active.journal);
    return null;
  });
  if (Object.keys(tables).length > 0) session.announce({ type: 'changed', source: 'server', tables });
  for (const { table, key, code, message } of ended) session.announce({ type: 'failure', table, key, code, message });
  return result;
}

function factsOf({ session }: ActiveRun, { mode, failed, later }: JournalRow): RunFacts {
  const tables = downloadedTables(session);
  return {
    mode,
    downloads: tables.length > 0,
    files: tables.some((table) => table.file !== null),
    failed,
    later: later !== undefined,
  };
}

/** Moves the run on; returns its result if it ended without a switch. */
async function move(active: ActiveRun, event: RunEvent): Promise<SynchronizeResult | null> {
  const transition = nextState(active.journal.state, event, factsOf(active, active.journal));
  if (transition.type === 'too-late') return null;
  const { state } = transition;
  if (state.type === 'ended') return endWithoutSwitch(active, endOf(state.outcome, active.journal));
  // Nothing of the next phase is known yet, but tabs that open now are to see which it is.
  if (state.type === 'downloading') report(active, { phase: 'download', table: null, done: 0, total: null });
  const { selection } = active.journal;
  const journal: JournalRow = {
    ...active.journal,
    state: state.type,
    // Each phase goes over the selection from its first part.
    ...(selection === undefined ? {} : { selection: { ...selection, done: 0 } }),
  };
  await active.session.database.write(['runs', 'meta'], async (tx) => {
    // Looked at in the very transaction after which it is too late.
    if (state.type === 'applying' && (await getMeta(tx, 'cancelRun')) === journal.run) throw wasCancelled();
    await tx.objectStore('runs').put(journal);
  });
  active.journal = journal;
  return null;
}

function wasCancelled(): CancelledError {
  return new CancelledError('The run was cancelled. What was uploaded stays so; the rest is kept.');
}

function toSyncError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new SyncError('storage', `The run stopped unexpectedly (${message}). What is unsent is kept.`, {
    cause: error,
    retryable: true,
  });
}

function isCancelled({ session, journal }: ActiveRun): Promise<boolean> {
  return session.database.read(['meta'], async (tx) => (await getMeta(tx, 'cancelRun')) === journal.run);
}

export type SliceResult = { readonly type: 'ended'; readonly result: SynchronizeResult } | { readonly type: 'paused' };

/**
 * Works on an open run until it ends, or until its slice does. Call it only with the run lock held. Killed anywhere, the
 * next slice goes on from the journal. Resolves also for a run that failed; rejects if the database does, or the session ends.
 */
export async function runSlice(active: ActiveRun): Promise<SliceResult> {
  const { session } = active;
  try {
    for (;;) {
      session.signal.throwIfAborted();
      if (active.journal.state !== 'applying' && (active.signal.aborted || (await isCancelled(active)))) {
        throw wasCancelled();
      }
      if (session.environment.isReplaced() || session.environment.now() > active.sliceEndsAt) return { type: 'paused' };
      switch (active.journal.state) {
        case 'uploading': {
          const { uploadDone } = active.journal;
          if ((await uploadStep(active)) === 'done') {
            const result = await move(active, { type: 'uploaded' });
            if (result !== null) return { type: 'ended', result };
          } else await mergeMeanwhile(active, uploadDone);
          break;
        }
        case 'downloading':
          await downloadAll(active);
          await move(active, { type: 'downloaded' });
          break;
        case 'refreshing':
          if ((await refreshStep(active)) === 'done') await move(active, { type: 'refreshed' });
          break;
        case 'applying': {
          report(active, { phase: 'apply', table: null, done: 0, total: null });
          const result = await applySwitch(active);
          if (result !== null) return { type: 'ended', result };
          break;
        }
        case 'fetching':
          if ((await fetchStep(active)) === 'done') {
            const result = await move(active, { type: 'fetched' });
            if (result !== null) return { type: 'ended', result };
          }
          break;
      }
    }
  } catch (caught) {
    if (caught instanceof SliceOverError) return { type: 'paused' };
    const error = toSyncError(caught);
    if (session.signal.aborted) throw error;
    // An abort shows as a network error of the fetch that it ended.
    const isCancel = error instanceof CancelledError || active.signal.aborted;
    const outcome = isCancel ? 'cancelled' : 'failed';
    const shown = isCancel ? wasCancelled() : error;
    return { type: 'ended', result: await endWithoutSwitch(active, { outcome, error: shown }) };
  }
}
