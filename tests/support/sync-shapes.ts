import type { Progress, RunPhase, SynchronizeResult, SyncState } from '../../sw/protocol/run.ts';
import { isRunId } from '../../sw/protocol/record.ts';

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
