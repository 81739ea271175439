import type { Progress } from '../protocol/run.ts';
import type { ActiveRun } from './session.ts';

/** Tells all tabs how far the run is, and keeps it for the journal's next step, for tabs that open later (S-14). */
export function report(active: ActiveRun, step: Pick<Progress, 'phase' | 'table' | 'done' | 'total'>): void {
  const { run, bytesSent, bytesReceived } = active.journal;
  const progress: Progress = { run, ...step, bytesSent, bytesReceived };
  active.journal = { ...active.journal, progress };
  active.session.announce({ type: 'progress', progress });
}
