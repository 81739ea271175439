import { ConfigurationError, SyncError, WorkerLostError } from '../sw/protocol/errors.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { WorkerSource } from './worker-source.ts';

const controlTimeoutMs = 3_000;
const lookAgainMs = 100;
const looksForOneWord = 10;
/** Two minutes: then the browser is left to decide. */
const mostLooks = 1_200;
/** What a browser needs to end a worker, and to put the waiting one in its place. */
const successionMs = 1_000;

/** Registers the app's worker through workbox-window. Rejects with `ConfigurationError` if the browser refuses it. */
export async function registerWorker(options: ConnectOptions): Promise<WorkerSource> {
  const container = navigator.serviceWorker;
  let registration = await register(options);
  let given: ServiceWorker | null = null;
  let succession: Promise<void> | null = null;
  const giveWay = (): void => registration.active?.postMessage({ holdfast: 1, type: 'give-way' });
  /**
   * A message to a worker that is being ended has Chromium start it once more, and then leave the other one waiting until the old
   * one has been idle for half a minute.
   */
  const leaveAlone = (waiting: ServiceWorker): void => {
    const moment = Promise.race([moves(waiting), after(successionMs)]).then(() => {
      if (succession === moment) succession = null;
    });
    succession = moment;
  };

  return {
    async find(again) {
      // After «clear site data» the registration is gone, and the page is not told.
      if (again) registration = await register(options);
      given = registration.active ?? (await activation(registration));
      return given;
    },
    lost() {
      if (registration.waiting !== null) leaveAlone(registration.waiting);
    },
    succession: () => succession,
    isControlled: () => container.controller !== null,
    waitForControl() {
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          container.removeEventListener('controllerchange', end);
          resolve();
        };
        const timer = setTimeout(end, controlTimeoutMs);
        container.addEventListener('controllerchange', end);
        if (container.controller !== null) end();
      });
    },
    onChange(listener) {
      const changed = (): void => {
        if (given !== null && registration.active !== given) listener();
      };
      container.addEventListener('controllerchange', changed);
      return () => {
        container.removeEventListener('controllerchange', changed);
      };
    },
    onWaiting(listener) {
      const watched = registration;
      const look = (): void => {
        if (watched.waiting !== null && watched.active !== null) listener();
      };
      const found = (): void => {
        watched.installing?.addEventListener('statechange', look);
      };
      watched.addEventListener('updatefound', found);
      found();
      look();
      return () => {
        watched.removeEventListener('updatefound', found);
      };
    },
    async takeWaiting(isAtWork) {
      const { waiting } = registration;
      if (waiting === null) return false;
      // It becomes the active one only when nothing goes on in the one before it. That one may not know yet that one waits, and is
      // told again, since it may have ended and been started anew.
      for (let looks = 0; looks < mostLooks; looks += 1) {
        if (looks % looksForOneWord === 0) giveWay();
        if (!(await isAtWork())) break;
        await after(lookAgainMs);
      }
      waiting.postMessage({ holdfast: 1, type: 'skip-waiting' });
      leaveAlone(waiting);
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
        return await settledAs(waiting, 'activated');
      } finally {
        stop();
      }
    },
  };
}

async function register({ worker, scope, type }: ConnectOptions): Promise<ServiceWorkerRegistration> {
  const registerOptions = { ...(scope === undefined ? {} : { scope }), ...(type === undefined ? {} : { type }) };
  try {
    // The package's main file is ES5 and half as large again; this one cannot be loaded outside a browser.
    const { Workbox } = await import('workbox-window/Workbox.js');
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- it goes to the browser's own `register` as it is
    const address = worker as ConstructorParameters<typeof Workbox>[0];
    const registration = await new Workbox(address, registerOptions).register({ immediate: true });
    if (registration !== undefined) return registration;
  } catch (error) {
    // The script cannot be fetched, for instance offline after it was moved: a registered one serves on.
    const known = await navigator.serviceWorker.getRegistration(scope);
    if (known !== undefined && !(error instanceof DOMException && error.name === 'SecurityError')) return known;
    const message = `The worker ${String(worker)} could not be registered. Look at its address, type and scope.`;
    throw new ConfigurationError(message, { cause: error, details: { option: 'worker' } });
  }
  throw new SyncError('unsupported', `The browser registered no worker for ${String(worker)}.`);
}

async function activation(registration: ServiceWorkerRegistration): Promise<ServiceWorker> {
  const coming = registration.installing ?? registration.waiting;
  if (coming === null) throw new WorkerLostError('The worker was unregistered. Connect again.');
  if (await settledAs(coming, 'activated')) return coming;
  const message = `The worker ${coming.scriptURL} could not be installed. The browser's console has its error.`;
  throw new ConfigurationError(message, { details: { option: 'worker' } });
}

/** Whether the worker reaches a state; false if it is discarded before. */
function settledAs(worker: ServiceWorker, state: ServiceWorkerState): Promise<boolean> {
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

/** Settles when the worker's state changes. */
function moves(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve) => {
    worker.addEventListener('statechange', () => resolve(), { once: true });
  });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
