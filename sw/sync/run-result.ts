import { toPlainError, type SyncError } from '../protocol/errors.ts';
import type { RunOutcome, SynchronizeResult, TableResult } from '../protocol/run.ts';
import type { JournalRow } from '../store/run-rows.ts';

/** What a run did, by its journal row at its end. */
export function resultOf(
  journal: JournalRow,
  outcome: RunOutcome,
  now: number,
  error: SyncError | null,
): SynchronizeResult {
  const tables: Record<string, TableResult> = { ...journal.tally };
  const sum = (field: 'uploaded' | 'downloaded' | 'removed' | 'failed'): number =>
    Object.values(tables).reduce((total, table) => total + table[field], 0);
  const { run, mode, trigger, user, startedAt, commands, bytesSent, bytesReceived, warnings } = journal;
  return {
    run,
    mode,
    trigger,
    outcome,
    user,
    startedAt,
    durationMs: Math.max(0, now - startedAt),
    uploaded: sum('uploaded'),
    downloaded: sum('downloaded'),
    removed: sum('removed'),
    failed: Math.max(sum('failed'), journal.failed),
    commands,
    bytesSent,
    bytesReceived,
    tables,
    ...{ skipped: [], warnings },
    ...(error === null ? {} : { error: toPlainError(error) }),
  };
}
