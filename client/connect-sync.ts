import { ConfigurationError, SyncError } from '../sw/protocol/errors.ts';
import type { ConnectOptions } from './connect-options.ts';
import { ConnectedClient } from './connected-client.ts';
import { pageEnvironment } from './environment.ts';
import { registerWorker } from './registration.ts';
import type { SyncClient } from './sync-client.ts';

/**
 * Registers the app's worker, waits until it controls the page, and links up with it. Events from before are not lost: the
 * state comes with the connection. Resolves also if control does not come within some seconds; the worker takes the page over
 * when it can.
 *
 * Safe to repeat; each call makes a client of its own, to be closed by itself. Rejects with `ConfigurationError`
 * (`configuration`) if the browser refuses the script or its installation fails, `SyncError` (`unsupported`) where there are no
 * service workers or locks, as in private windows of some browsers and on insecure addresses, and `WorkerLostError`
 * (`worker-lost`) if the worker does not answer.
 *
 * @example
 * ```ts
 * const sync = await connectSync({ worker: '/sw.js' });
 * await sync.ready;
 * ```
 */
export async function connectSync(options: ConnectOptions): Promise<SyncClient> {
  const { worker }: { readonly worker?: unknown } = options;
  if (worker === '' || (typeof worker !== 'string' && (typeof worker !== 'object' || worker === null))) {
    const message = 'connectSync needs the address of the worker script: connectSync({ worker: "/sw.js" }).';
    throw new ConfigurationError(message, { details: { option: 'worker' } });
  }
  if (!('serviceWorker' in navigator) || !('locks' in navigator)) {
    const message = 'This browser offers no service workers and locks here. The page needs a secure address (https).';
    throw new SyncError('unsupported', message);
  }
  const workers = await registerWorker(options);
  const client = new ConnectedClient({ workers, environment: pageEnvironment() });
  try {
    await client.open();
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}
