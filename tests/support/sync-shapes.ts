import type { QueryAnswer } from '../../sw/protocol/query.ts';
import type { Progress, RunPhase, SynchronizeResult, SyncState } from '../../sw/protocol/run.ts';
import { isRunId, type JsonRecord } from '../../sw/protocol/record.ts';

export function runId(text: string): SynchronizeResult['run'] {
  const id = text.padEnd(8, '-');
  if (!isRunId(id)) throw new TypeError(`${text} is no run id`);
  return id;
}

export function syncState(parts: Partial<SyncState> = {}): SyncState {
  return {
    user: 'ann',
    syncing: false,
    run: null,
    progress: null,
    reachable: true,
    authRequired: false,
    pending: 0,
    failures: 0,
    ready: false,
    lastResult: null,
    ...parts,
  };
}

export function syncProgress(run: string, phase: RunPhase, done: number): Progress {
  return { run: runId(run), phase, table: null, done, total: null, bytesSent: 0, bytesReceived: 0 };
}

export function syncResult(run: string, parts: Partial<SynchronizeResult> = {}): SynchronizeResult {
  return {
    run: runId(run),
    mode: 'all',
    trigger: 'call',
    outcome: 'finished',
    user: 'ann',
    startedAt: 0,
    durationMs: 1,
    uploaded: 0,
    downloaded: 0,
    removed: 0,
    failed: 0,
    commands: 0,
    bytesSent: 0,
    bytesReceived: 0,
    tables: {},
    skipped: [],
    warnings: [],
    ...parts,
  };
}

/** What the worker answers to a query for these records, all of them clean. */
export function queryAnswer(records: readonly JsonRecord[], facts: Partial<QueryAnswer> = {}): QueryAnswer {
  const none = { statuses: [], notSynchronized: 0, warnings: [], complete: true, downloadedAt: 1 };
  return { text: JSON.stringify(records), keyField: 'id', total: records.length, ...none, ...facts };
}
