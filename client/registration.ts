import { ConfigurationError, SyncError, WorkerLostError } from '../sw/protocol/errors.ts';
import type { ConnectOptions } from './connect-options.ts';
import { createTakeOver, settledAs } from './take-over.ts';
import type { WorkerSource } from './worker-source.ts';

const controlTimeoutMs = 3_000;

/** Registers the app's worker through workbox-window. Rejects with `ConfigurationError` if the browser refuses it. */
export async function registerWorker(options: ConnectOptions): Promise<WorkerSource> {
  const container = navigator.serviceWorker;
  let registration = await register(options);
  let given: ServiceWorker | null = null;
  const takeOver = createTakeOver(() => registration);

  return {
    async find(again) {
      // After «clear site data» the registration is gone, and the page is not told.
      if (again) registration = await register(options);
      given = registration.active ?? (await activation(registration));
      return given;
    },
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
    lost: takeOver.lost,
    succession: takeOver.succession,
    takeWaiting: takeOver.takeWaiting,
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
