import type { WorkerSource } from './worker-source.ts';

const lookAgainMs = 100;
const giveWayAgainMs = 1_000;
/** A run that has not ended by then is left to the browser. */
const patienceMs = 120_000;
/** What a browser needs to end a worker, and to put the waiting one in its place. */
const successionMs = 1_000;

/** What is used of a `ServiceWorker`. */
export interface RegisteredWorker extends EventTarget {
  readonly state: ServiceWorkerState;
  postMessage(message: object): void;
}

export interface Registered {
  readonly active: RegisteredWorker | null;
  readonly waiting: RegisteredWorker | null;
}

/** How a waiting worker comes to be the active one. The registration may be another one after «clear site data». */
export function createTakeOver(
  registrationOf: () => Registered,
): Pick<WorkerSource, 'lost' | 'succession' | 'takeWaiting'> {
  let succession: Promise<void> | null = null;
  const giveWay = (): void => {
    if (succession === null) registrationOf().active?.postMessage({ holdfast: 1, type: 'give-way' });
  };
  /**
   * A message to a worker that is being ended has Chromium start it once more, and then leave the other one waiting until the old
   * one has been idle for half a minute.
   */
  const leaveAlone = (waiting: RegisteredWorker): void => {
    const over = new AbortController();
    const moment = new Promise<void>((resolve) => {
      const end = (): void => resolve();
      waiting.addEventListener('statechange', end, { signal: over.signal });
      setTimeout(end, successionMs);
    }).then(() => {
      over.abort();
      if (succession === moment) succession = null;
    });
    succession = moment;
  };
  /**
   * The waiting one becomes the active one only when nothing goes on in the one before it. That one does not know that one waits, and
   * is told again, since it may have ended and been started anew; not where it does nothing: the word itself would start it.
   */
  const endRun = async (isWaiting: () => boolean, isAtWork: () => Promise<boolean>): Promise<void> => {
    const startedAt = Date.now();
    let toldAt = 0;
    while (isWaiting() && Date.now() - startedAt < patienceMs && (await isAtWork())) {
      if (Date.now() - toldAt >= giveWayAgainMs) {
        giveWay();
        toldAt = Date.now();
      }
      await after(lookAgainMs);
    }
  };
  const takeWaiting = async (isAtWork: () => Promise<boolean>): Promise<boolean> => {
    const { waiting } = registrationOf();
    if (waiting === null) return false;
    // Another tab may let it take over meanwhile, and it goes on with the run; or a newer one takes its place.
    const isWaiting = (): boolean => waiting.state === 'installed';
    await endRun(isWaiting, isAtWork);
    if (isWaiting()) {
      waiting.postMessage({ holdfast: 1, type: 'skip-waiting' });
      leaveAlone(waiting);
    }
    // Chromium looks whether the old one is idle at the end of an event, but not once more if it found it at work. Told at growing
    // intervals, one that was started again all the same can become idle.
    let stop = (): void => undefined;
    const tellAgain = (delayMs: number): void => {
      const timer = setTimeout(() => {
        giveWay();
        tellAgain(delayMs * 2);
      }, delayMs);
      stop = () => clearTimeout(timer);
    };
    tellAgain(2 * successionMs);
    try {
      if (await settledAs(waiting, 'activated')) return true;
    } finally {
      stop();
    }
    return registrationOf().waiting !== waiting && takeWaiting(isAtWork);
  };

  return {
    lost() {
      const { waiting } = registrationOf();
      if (waiting !== null) leaveAlone(waiting);
    },
    succession: () => succession,
    takeWaiting,
  };
}

/** Whether the worker reaches a state; false if it is discarded before. */
export function settledAs(worker: RegisteredWorker, state: ServiceWorkerState): Promise<boolean> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (worker.state !== state && worker.state !== 'redundant') return;
      worker.removeEventListener('statechange', look);
      resolve(worker.state === state);
    };
    worker.addEventListener('statechange', look);
    look();
  });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
