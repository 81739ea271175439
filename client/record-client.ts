import type { SetStatusOptions } from '../sw/protocol/api.ts';
import type { QueryAnswer, QueryOptions } from '../sw/protocol/query.ts';
import type { ClearOptions, ClearResult, Conflict } from '../sw/protocol/conflict.ts';
import type { JsonRecord, RecordKey } from '../sw/protocol/record.ts';
import type { WriteOutcome } from '../sw/protocol/outcome.ts';
import type { ScopeOption } from '../sw/protocol/scope.ts';
import type { PendingCounts, RecordStatus, SyncStatus } from '../sw/protocol/status.ts';
import type { WorkerCall } from './connection.ts';
import { RunningQuery, type LiveOptions, type LiveQuery } from './live-query.ts';
import { toQueryResult, type QueryResult } from './query.ts';
import { SyncEventTarget } from './sync-event-target.ts';

export interface SetStatusCallOptions extends SetStatusOptions {
  /** Called with what is probably a mistake in the filter, such as a comparison that never can be true. */
  readonly onWarning?: (warning: string) => void;
}

/** The calls about records and their status, and the queries that go on. */
export abstract class RecordClient extends SyncEventTarget {
  readonly #lives = new Set<RunningQuery>();
  #user: string | null | undefined;

  constructor() {
    super();
    this.addEventListener('changed', ({ detail }) => {
      for (const live of this.#lives) if (Object.hasOwn(detail.tables, live.table)) live.refresh();
    });
    this.addEventListener('storage-reset', () => {
      this.refreshLives();
    });
    this.addEventListener('state', ({ detail }) => {
      if (this.#user !== undefined && detail.user !== this.#user) this.refreshLives();
      this.#user = detail.user;
    });
  }

  /** A call with an effect. */
  protected abstract call<T>(call: WorkerCall<T>): Promise<T>;
  /** A call without effects: if the worker dies meanwhile, it is made once more. */
  protected abstract read<T>(call: WorkerCall<T>): Promise<T>;

  /** There is something new to send. */
  protected abstract wrote(): void;

  /** A call that leaves something to send if it answers true. */
  async #sending(call: Promise<boolean>): Promise<boolean> {
    const isPending = await call;
    if (isPending) this.wrote();
    return isPending;
  }

  statusOf(table: string, key: RecordKey): Promise<RecordStatus> {
    return this.read((worker) => worker.statusOf(table, key));
  }

  outcomeOf(idempotencyKey: string): Promise<WriteOutcome> {
    return this.read((worker) => worker.outcomeOf(idempotencyKey));
  }

  pending(): Promise<PendingCounts> {
    return this.read((worker) => worker.pending());
  }

  setScope(table: string, scope: ScopeOption): Promise<boolean> {
    return this.call((worker) => worker.setScope(table, scope));
  }

  clear(table: string, filter: string | object | null = null, options: ClearOptions = {}): Promise<ClearResult> {
    return this.call((worker) => worker.clear(table, filter, options));
  }

  retry(failure: string): Promise<boolean> {
    return this.#sending(this.call((worker) => worker.retry(failure)));
  }

  discard(failure: string): Promise<boolean> {
    return this.call((worker) => worker.discard(failure));
  }

  sendAgain(failure: string): Promise<boolean> {
    return this.#sending(this.call((worker) => worker.sendAgain(failure)));
  }

  arrived(failure: string): Promise<boolean> {
    return this.call((worker) => worker.arrived(failure));
  }

  conflicts(): Promise<readonly Conflict[]> {
    return this.read((worker) => worker.conflicts());
  }

  resolve(failure: string, record: JsonRecord | null): Promise<boolean> {
    return this.#sending(this.call((worker) => worker.resolve(failure, record)));
  }

  async setStatus(
    table: string,
    status: SyncStatus | 0 | 1,
    filter: string | object,
    options: SetStatusCallOptions = {},
  ): Promise<number> {
    const { onWarning, ...plain } = options;
    const { count, warnings } = await this.call((worker) => worker.setStatus(table, status, filter, plain));
    for (const warning of warnings) onWarning?.(warning);
    return count;
  }

  async query(table: string, options: QueryOptions = {}): Promise<QueryResult> {
    return toQueryResult(await this.#ask(table, options));
  }

  live(table: string, options: LiveOptions): LiveQuery {
    const live = new RunningQuery(
      {
        table,
        query: (name, query) => this.#ask(name, query),
        onClose: (closed) => {
          this.#lives.delete(closed);
        },
      },
      options,
    );
    if (options.signal?.aborted !== true) this.#lives.add(live);
    return live;
  }

  /** What was told while there was no connection is not known. */
  protected refreshLives(): void {
    for (const live of this.#lives) live.refresh();
  }

  protected closeLives(): void {
    for (const live of this.#lives) live.close();
  }

  #ask(table: string, options: QueryOptions): Promise<QueryAnswer> {
    return this.read((worker) => worker.query(table, options));
  }
}
