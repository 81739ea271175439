import type { Progress, RunPhase } from '../protocol/run.ts';
import type { SetTimer } from './timer.ts';

const progressIntervalMs = 100;

const phaseOrder: Readonly<Record<RunPhase, number>> = {
  files: 0,
  upload: 1,
  download: 2,
  apply: 3,
  contents: 4,
};

export interface ProgressThrottle {
  /** Sends at once or later. A progress that is behind what was told of its run is dropped. */
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

  return {
    add(progress) {
      if (newest !== null && isBehind(progress, newest)) return;
      newest = progress;
      const last = waiting.at(-1);
      if (last !== undefined && last.run === progress.run && last.phase === progress.phase) waiting.pop();
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

function isBehind(progress: Progress, newest: Progress): boolean {
  if (progress.run !== newest.run) return false;
  const order = phaseOrder[progress.phase] - phaseOrder[newest.phase];
  return order < 0 || (order === 0 && progress.done < newest.done);
}
