import type { ConnectedMessage } from '../sw/protocol/api.ts';
import { CancelledError, WorkerLostError, type SyncError } from '../sw/protocol/errors.ts';
import { Connection, type WorkerCall } from './connection.ts';
import type { PageEnvironment } from './environment.ts';
import type { WorkerSource } from './worker-source.ts';

export interface LinkOptions {
  readonly workers: WorkerSource;
  readonly environment: PageEnvironment;
  /** A connection was made; before any call gets through it. */
  readonly onConnected: (message: ConnectedMessage) => void;
  /** The worker died. */
  readonly onLost: () => void;
}

/**
 * The page's link to whichever worker is the active one. A lost connection is made again at the next call, not before: else
 * every page would wake an idle worker as soon as the browser stops it.
 */
export class Link {
  readonly #options: LinkOptions;
  #connection: Connection | null = null;
  #opening: Promise<Connection> | null = null;
  #closed: SyncError | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Makes a connection if there is none. */
  async connect(): Promise<void> {
    await this.#open();
  }

  /** Rejects with `WorkerLostError` if the worker dies before it has replied. */
  async call<T>(call: WorkerCall<T>): Promise<T> {
    let connection = await this.#open();
    // Lost before the call got out.
    if (!connection.isOpen) connection = await this.#open();
    return connection.call(call);
  }

  /** A call without effects: if the worker dies meanwhile, it is made once more. */
  async read<T>(call: WorkerCall<T>): Promise<T> {
    try {
      return await this.call(call);
    } catch (error) {
      if (!(error instanceof WorkerLostError) || this.#closed !== null) throw error;
      return this.call(call);
    }
  }

  /** The worker is being replaced: its calls go on, the next one goes to the new worker. */
  retire(): void {
    this.#connection?.retire();
    this.#connection = null;
  }

  /** Ends the connection, which a later call makes again. */
  drop(): void {
    this.#connection?.close(new WorkerLostError('The page was put aside before the worker answered. Call again.'));
    this.#connection = null;
  }

  close(): void {
    if (this.#closed !== null) return;
    this.#closed = new CancelledError('The connection to the worker was closed.');
    this.#connection?.close(this.#closed);
  }

  /** Two attempts at most: what is under way may have asked a worker that was gone before this call was made, the next one has not. */
  async #open(): Promise<Connection> {
    try {
      return await this.#attempt(false);
    } catch (error) {
      if (!(error instanceof WorkerLostError)) throw error;
      return this.#attempt(true);
    }
  }

  /** Takes part in the attempt that is under way, if one is. */
  #attempt(again: boolean): Promise<Connection> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    const succession = this.#options.workers.succession();
    if (succession !== null) return succession.then(() => this.#attempt(again));
    if (this.#opening === null && this.#connection?.isOpen) return Promise.resolve(this.#connection);
    this.#opening ??= this.#tryOnce(again).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #tryOnce(again: boolean): Promise<Connection> {
    const { workers, environment, onConnected, onLost } = this.#options;
    const target = await workers.find(again);
    this.#throwIfClosed();
    const lost = (): void => {
      workers.lost();
      onLost();
    };
    const connection = new Connection(target, { environment, claim: !workers.isControlled(), onLost: lost });
    this.#connection = connection;
    const message = await connection.open();
    this.#throwIfClosed();
    onConnected(message);
    return connection;
  }

  #throwIfClosed(): void {
    if (this.#closed !== null) throw this.#closed;
  }
}
