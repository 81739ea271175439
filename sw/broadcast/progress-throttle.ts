import type { Progress, RunPhase } from '../protocol/run.ts';
import type { SetTimer } from './timer.ts';

const progressIntervalMs = 100;

/** The files of a batch go out before its records, so that these two phases take turns. */
const phaseOrder: Readonly<Record<RunPhase, number>> = {
  files: 0,
  upload: 0,
  download: 1,
  apply: 2,
  contents: 3,
};

export interface ProgressThrottle {
  /** Sends at once or later. A progress that is behind what was told of its run, or of its phase, is dropped. */
  add(progress: Progress): void;
  /** Sends what waits, in order, at once. */
  flush(): void;
}

export interface ProgressThrottleOptions {
  readonly now: () => number;
  readonly setTimer: SetTimer;
  readonly send: (progress: Progress) => void;
}

/**
 * At most ten messages a second: within a phase the latest one wins, but each phase's last one is sent, so the queue holds at
 * most one entry a phase.
 */
export function createProgressThrottle({ now, setTimer, send }: ProgressThrottleOptions): ProgressThrottle {
  const waiting: Progress[] = [];
  let newest: Progress | null = null;
  /** How far each phase of the newest one's run has come. */
  const reached = new Map<RunPhase, number>();
  let lastSentAt = -Infinity;
  let stopTimer: (() => void) | null = null;

  function sendNext(): void {
    stopTimer = null;
    const next = waiting.shift();
    if (next === undefined) return;
    lastSentAt = now();
    send(next);
    schedule();
  }

  function schedule(): void {
    if (waiting.length === 0 || stopTimer !== null) return;
    const sinceLastMs = now() - lastSentAt;
    // A clock that was set back must not silence progress.
    const delayMs = sinceLastMs < 0 ? 0 : progressIntervalMs - sinceLastMs;
    if (delayMs <= 0) sendNext();
    else stopTimer = setTimer(sendNext, delayMs);
  }

  function isBehind({ phase, done }: Progress, { phase: newestPhase }: Progress): boolean {
    return phaseOrder[phase] < phaseOrder[newestPhase] || done < (reached.get(phase) ?? 0);
  }

  return {
    add(progress) {
      const { run, phase, done } = progress;
      if (newest?.run !== run) reached.clear();
      else if (isBehind(progress, newest)) return;
      newest = progress;
      reached.set(phase, done);
      const earlier = waiting.findIndex((each) => each.run === run && each.phase === phase);
      if (earlier !== -1) waiting.splice(earlier, 1);
      waiting.push(progress);
      schedule();
    },
    flush() {
      stopTimer?.();
      stopTimer = null;
      for (const progress of waiting.splice(0)) {
        lastSentAt = now();
        send(progress);
      }
    },
  };
}
