import { fromPlainError, toPlainError, type ErrorCode, type SyncError } from '../sw/protocol/errors.ts';
import type { QueryAnswer, QueryOptions } from '../sw/protocol/query.ts';
import type { JsonRecord, RecordKey } from '../sw/protocol/record.ts';
import { keyIn, toQueryResult, type QueryResult } from './query.ts';

/** What changed since the last call, and the answer as it is now. */
export interface LiveChange extends QueryResult {
  /** Records that were not in the answer before; the first time all of them. */
  readonly added: readonly JsonRecord[];
  /** Records that were, and of which a field or the status is another now. */
  readonly changed: readonly JsonRecord[];
  /** Keys of records that are not in the answer any more. */
  readonly removed: readonly RecordKey[];
}

export interface LiveOptions extends QueryOptions {
  /** Called once with the first answer, then whenever the answer differs from the last one. */
  readonly onChange: (change: LiveChange) => void;
  /** Called when the answer could not be read; it is read again with the next change, save where the call is wrong (`FilterError`). */
  readonly onError?: (error: SyncError) => void;
  /** Ends the query when aborted. */
  readonly signal?: AbortSignal;
}

/** A query that goes on until it is closed, its signal is aborted, or the page goes. */
export interface LiveQuery {
  /** Settles with the first answer; rejects with the error if it cannot be read. */
  readonly ready: Promise<QueryResult>;
  /** Ends it; no call comes after this. A second call does nothing. */
  close(): void;
}

export interface LiveQueryContext {
  readonly table: string;
  readonly query: (table: string, options: QueryOptions) => Promise<QueryAnswer>;
  readonly onClose: (query: RunningQuery) => void;
}

interface Known {
  readonly answer: QueryAnswer;
  /** Each record of the answer as text with its status. */
  readonly texts: ReadonlyMap<RecordKey, string>;
}

/** Reads the answer again after each hint, one read at a time, and tells what differs. It rests on nothing in the worker. */
export class RunningQuery implements LiveQuery {
  readonly ready: Promise<QueryResult>;
  readonly table: string;
  readonly #context: LiveQueryContext;
  readonly #options: LiveOptions;
  readonly #query: QueryOptions;
  #known: Known | null = null;
  #wanted = false;
  #reading = false;
  #closed = false;
  #succeed: (result: QueryResult) => void = () => undefined;
  #fail: (error: SyncError) => void = () => undefined;

  constructor(context: LiveQueryContext, options: LiveOptions) {
    const { signal } = options;
    this.table = context.table;
    this.#context = context;
    this.#options = options;
    this.#query = plain(options);
    this.ready = new Promise((resolve, reject) => {
      this.#succeed = resolve;
      this.#fail = reject;
    });
    // Whoever awaits it gets the error; nobody has to.
    this.ready.catch(() => undefined);
    if (signal?.aborted === true) this.close();
    else signal?.addEventListener('abort', this.#end);
    this.refresh();
  }

  /** Something may have changed. */
  refresh(): void {
    this.#wanted = true;
    if (!this.#reading && !this.#closed) void this.#readAll();
  }

  readonly #end = (): void => {
    this.close();
  };

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signal?.removeEventListener('abort', this.#end);
    this.#context.onClose(this);
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        const answer = await this.#context.query(this.table, this.#query);
        if (this.#isOpen()) this.#tell(answer);
      } catch (error) {
        if (this.#isOpen()) this.#failed(error);
      }
    }
    this.#reading = false;
  }

  #isOpen(): boolean {
    return !this.#closed;
  }

  #failed(reason: unknown): void {
    const error = fromPlainError(toPlainError(reason));
    this.#fail(error);
    if (wrongCalls.includes(error.code)) this.close();
    this.#options.onError?.(error);
  }

  #tell(answer: QueryAnswer): void {
    const before = this.#known;
    if (before !== null && isSame(before.answer, answer)) return;
    const result = toQueryResult(answer);
    const details = new Map(answer.statuses.map(({ key, detail }) => [key, detail]));
    const texts = new Map<RecordKey, string>();
    const added: JsonRecord[] = [];
    const changed: JsonRecord[] = [];
    for (const record of result.records) {
      const key = keyIn(record, answer.keyField);
      if (key === null) continue;
      const text = `${details.get(key) ?? 'clean'} ${JSON.stringify(record)}`;
      const old = before?.texts.get(key);
      texts.set(key, text);
      if (old === undefined) added.push(record);
      else if (old !== text) changed.push(record);
    }
    const removed = [...(before?.texts.keys() ?? [])].filter((key) => !texts.has(key));
    this.#known = { answer, texts };
    this.#succeed(result);
    this.#options.onChange({ ...result, added, changed, removed });
  }
}

/** What is wrong in the call itself stays wrong; everything else may pass, a missing key or sign-in too. */
const wrongCalls: readonly ErrorCode[] = ['filter', 'invalid-request', 'unknown-table', 'online-only', 'cancelled'];

/** What can be sent to the worker. */
function plain(options: LiveOptions): QueryOptions {
  const own = ['onChange', 'onError', 'signal'];
  return Object.fromEntries(Object.entries(options).filter(([name]) => !own.includes(name)));
}

/** When it was downloaded is no change of the answer. */
function isSame(a: QueryAnswer, b: QueryAnswer): boolean {
  const rest = (answer: QueryAnswer): string => JSON.stringify({ ...answer, text: '', downloadedAt: 0 });
  return a.text === b.text && rest(a) === rest(b);
}
