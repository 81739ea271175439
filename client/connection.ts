import { wrap, type Endpoint, type Remote } from 'comlink';
import {
  connectionLock,
  isConnectedMessage,
  isRefusedMessage,
  tabLock,
  type CloseMessage,
  type ConnectedMessage,
  type PageMessage,
  type Reply,
  type WorkerMethods,
} from '../sw/protocol/api.ts';
import { SyncError, fromPlainError, toPlainError, WorkerLostError } from '../sw/protocol/errors.ts';
import type { PageEnvironment } from './environment.ts';
import type { WorkerTarget } from './worker-source.ts';

export const connectTimeoutMs = 4_000;
/** Shorter than the 60 s that the worker grants. */
export const renewIntervalMs = 50_000;

export type WorkerCall<T> = (worker: Remote<WorkerMethods>) => Promise<Reply<T>>;

interface PendingCall {
  /** Comlink's id of the call's message. */
  id: string | null;
  reject(error: SyncError): void;
}

export interface ConnectionOptions {
  readonly environment: PageEnvironment;
  /** The page has no controller and wants one. */
  readonly claim: boolean;
  /** Once, when the worker died. */
  readonly onLost: () => void;
}

/**
 * One port to one worker. The page holds `tabLock` so that the worker learns of the page's end, and queues for the worker's
 * lock: a port to a stopped worker never answers, but the browser frees the worker's locks.
 */
export class Connection {
  readonly target: WorkerTarget;
  readonly #id: string;
  readonly #options: ConnectionOptions;
  readonly #channel = new MessageChannel();
  readonly #abort = new AbortController();
  readonly #calls = new Set<PendingCall>();
  readonly #worker: Remote<WorkerMethods>;
  #release: () => void = () => undefined;
  #calling: PendingCall | null = null;
  #stopRenewal: (() => void) | null = null;
  #retired = false;
  #closed: SyncError | null = null;

  constructor(target: WorkerTarget, options: ConnectionOptions) {
    this.target = target;
    this.#options = options;
    this.#id = options.environment.newId();
    this.#worker = wrap<WorkerMethods>(this.#endpoint());
  }

  get isOpen(): boolean {
    return this.#closed === null && !this.#retired;
  }

  /** Rejects with `WorkerLostError` if the worker does not answer in some seconds. */
  async open(): Promise<ConnectedMessage> {
    try {
      await this.#holdTabLock();
      const message = await this.#handshake();
      this.#watchWorker();
      return message;
    } catch (error) {
      this.close(new WorkerLostError('The connection to the worker could not be made.'));
      throw error;
    }
  }

  /** Settles with the worker's reply, or rejects with the error of `close` or of the worker's end. */
  async call<T>(call: WorkerCall<T>): Promise<T> {
    if (this.#closed !== null) throw this.#closed;
    const reply = await new Promise<Reply<T>>((resolve, reject) => {
      const pending: PendingCall = { id: null, reject };
      this.#calls.add(pending);
      const settle = (): void => {
        this.#settle(pending);
      };
      this.#calling = pending;
      // Comlink posts the message, and so gives it its id, before this returns.
      const answered = call(this.#worker);
      this.#calling = null;
      this.#renew();
      answered.then(resolve, (error: unknown) => {
        reject(callError(error));
      });
      answered.then(settle, settle);
    });
    if (reply.ok) return reply.value;
    throw fromPlainError(reply.error);
  }

  /** Ends the connection as soon as its calls have settled. */
  retire(): void {
    this.#retired = true;
    if (this.#calls.size === 0) this.close(lost());
  }

  close(reason: SyncError): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#stopRenewal?.();
    this.#abort.abort();
    const message: CloseMessage = { holdfast: 1, type: 'close' };
    this.#channel.port1.postMessage(message);
    this.#channel.port1.close();
    this.#release();
    for (const call of this.#calls) call.reject(reason);
    this.#calls.clear();
  }

  #settle(call: PendingCall): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#stopRenewal?.();
    this.#stopRenewal = null;
    if (this.#retired) this.close(lost());
  }

  #endpoint(): Endpoint {
    const { port1 } = this.#channel;
    return {
      addEventListener: (type, listener) => {
        port1.addEventListener(type, listener);
      },
      removeEventListener: (type, listener) => {
        port1.removeEventListener(type, listener);
      },
      postMessage: (message: unknown, transfer?: Transferable[]) => {
        const call = this.#calling;
        // Comlink releases a collected proxy by a message of its own; the port is closed by `close`.
        if (call === null || typeof message !== 'object' || message === null) return;
        if ('id' in message && typeof message.id === 'string') call.id = message.id;
        port1.postMessage(message, transfer ?? []);
        this.#keepAlive(call);
      },
    };
  }

  /** Messages on a port keep no worker alive; this one's event lasts until the call has been answered. */
  #keepAlive({ id }: PendingCall): void {
    if (id !== null) this.#post({ holdfast: 1, type: 'keep-alive', connection: this.#id, call: id }, []);
  }

  #renew(): void {
    this.#stopRenewal ??= this.#options.environment.setTimer(() => {
      this.#stopRenewal = null;
      if (this.#calls.size === 0) return;
      for (const call of this.#calls) this.#keepAlive(call);
      this.#renew();
    }, renewIntervalMs);
  }

  #post(message: PageMessage, transfer: Transferable[]): void {
    try {
      this.target.postMessage(message, transfer);
    } catch (error) {
      // A replaced worker refuses messages; its lock tells when it is gone.
      if (!(error instanceof DOMException && error.name === 'InvalidStateError')) throw error;
    }
  }

  #holdTabLock(): Promise<void> {
    return new Promise((resolve, reject) => {
      const hold = (): Promise<void> =>
        new Promise((release) => {
          this.#release = release;
          if (this.#closed !== null) release();
          resolve();
        });
      this.#options.environment.locks.request(tabLock(this.#id), hold).catch(reject);
    });
  }

  #handshake(): Promise<ConnectedMessage> {
    const { port1, port2 } = this.#channel;
    const { environment, claim } = this.#options;
    return new Promise((resolve, reject) => {
      const pending: PendingCall = { id: null, reject: fail };
      const stopTimer = environment.setTimer(() => {
        fail(new WorkerLostError('The worker does not answer. Reload the page if this goes on.'));
      }, connectTimeoutMs);
      const end = (): void => {
        stopTimer();
        port1.removeEventListener('message', onMessage);
        this.#settle(pending);
      };
      function fail(error: SyncError): void {
        end();
        reject(error);
      }
      function onMessage({ data }: MessageEvent<unknown>): void {
        if (isRefusedMessage(data)) fail(fromPlainError(data.error));
        if (!isConnectedMessage(data)) return;
        resolve(data);
        end();
      }
      this.#calls.add(pending);
      port1.addEventListener('message', onMessage);
      port1.start();
      this.#post({ holdfast: 1, type: 'connect', connection: this.#id, ...(claim ? { claim } : {}) }, [port2]);
    });
  }

  #watchWorker(): void {
    const gone = (): void => {
      if (this.#closed !== null) return;
      this.close(lost());
      this.#options.onLost();
    };
    const { signal } = this.#abort;
    // Rejects when the request is aborted, which close() does.
    this.#options.environment.locks.request(connectionLock(this.#id), { signal }, gone).catch(gone);
  }
}

function callError(error: unknown): SyncError {
  if (error instanceof DOMException && error.name === 'DataCloneError') {
    return new SyncError('invalid-request', 'An option holds what cannot be sent to the worker, such as a function.', {
      cause: error,
    });
  }
  return fromPlainError(toPlainError(error));
}

function lost(): WorkerLostError {
  return new WorkerLostError('The worker was stopped or replaced before it answered. Call again.');
}
