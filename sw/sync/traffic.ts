import { pause } from '../store/pause.ts';

/** Milliseconds for which a page that has asked is taken to go on asking. */
const lingersMs = 250;
/** Milliseconds for which work waits for answers: some are made of what the work itself brings. */
const patienceMs = 20;

/** Requests of pages that the worker answers just now: long work then goes in small steps, and lets them pass first. */
export interface Traffic {
  /** A request has come; what it returns is called when it was answered. */
  begin(): () => void;
  /** Whether requests come just now. */
  isOn(): boolean;
  /** Settles when all are answered, or soon. Other events have had their turn then. */
  pass(): Promise<void>;
}

export function createTraffic(now: () => number): Traffic {
  let last = -Infinity;
  let open = 0;
  let waiting: (() => void)[] = [];
  return {
    begin: () => {
      last = now();
      open += 1;
      return () => {
        open -= 1;
        if (open > 0) return;
        const passed = waiting;
        waiting = [];
        for (const go of passed) go();
      };
    },
    // A clock that was set back does not keep it on.
    isOn: () => Math.abs(now() - last) < lingersMs,
    pass: async () => {
      await pause();
      if (open === 0) return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        setTimeout(resolve, patienceMs);
      });
    },
  };
}
