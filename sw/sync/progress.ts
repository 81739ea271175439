import type { Progress } from '../protocol/run.ts';
import type { JournalRow } from '../store/run-rows.ts';
import type { ActiveRun } from './session.ts';

type Step = Pick<Progress, 'phase' | 'table' | 'done' | 'total'>;

/** How far the upload is, by the changes that are settled. */
export function uploadStepOf({ uploadDone, uploadTotal }: JournalRow): Step {
  return { phase: 'upload', table: null, done: uploadDone, total: Math.max(uploadTotal, uploadDone) };
}

/** The journal's row with a step in it, for the transaction that stores it. */
export function withProgress(journal: JournalRow, step: Step): JournalRow {
  const { run, bytesSent, bytesReceived } = journal;
  return { ...journal, progress: { run, ...step, bytesSent, bytesReceived } };
}

/** Tells all tabs how far the run is, and keeps it for the journal's next step, for tabs that open later (S-14). */
export function report(active: ActiveRun, step: Step): void {
  active.journal = withProgress(active.journal, step);
  const { progress } = active.journal;
  if (progress !== null) active.session.announce({ type: 'progress', progress });
}
