import type { PageOptions, SignInOptions } from '../sw/protocol/api.ts';
import type { SyncError } from '../sw/protocol/errors.ts';
import type { SyncEvent, SyncEventType } from '../sw/protocol/events.ts';
import type { ClearOptions, ClearResult, Conflict } from '../sw/protocol/conflict.ts';
import type { Draft } from '../sw/protocol/draft.ts';
import type { GroupOptions, GroupRequest, GroupResult } from '../sw/protocol/group.ts';
import type { ScopeOption } from '../sw/protocol/scope.ts';
import type { WriteOutcome } from '../sw/protocol/outcome.ts';
import type { JsonRecord, RecordKey } from '../sw/protocol/record.ts';
import type { Progress, SynchronizeOptions, SynchronizeResult, SyncObstacle, SyncState } from '../sw/protocol/run.ts';
import type { QueryOptions } from '../sw/protocol/query.ts';
import type { ReceiveResult } from '../sw/protocol/receive.ts';
import type { Failure, PendingCounts, RecordStatus, SyncStatus } from '../sw/protocol/status.ts';
import type { ImportResult, SignOutOptions } from '../sw/protocol/unsent.ts';
import type { LiveOptions, LiveQuery } from './live-query.ts';
import type { QueryResult } from './query.ts';
import type { SetStatusCallOptions } from './record-client.ts';

/** Options of `SyncClient.synchronize`. */
export interface SynchronizeCallOptions extends SynchronizeOptions {
  /** Leaves the run when aborted; it is cancelled unless somebody else takes part in it. What was settled stays settled. */
  readonly signal?: AbortSignal;
  /** Called with the run's progress, at most ten times a second, on this page only. */
  readonly onProgress?: (progress: Progress) => void;
}

type Fields<T extends SyncEventType> = Readonly<Omit<Extract<SyncEvent, { type: T }>, 'type'>>;

/** The `detail` of each event: what it is about, or the event's own fields. */
export interface SyncEventDetails {
  readonly started: Fields<'started'>;
  readonly progress: Progress;
  readonly busy: Fields<'busy'>;
  readonly finished: SynchronizeResult;
  readonly changed: Fields<'changed'>;
  readonly pending: Fields<'pending'>;
  readonly failure: Fields<'failure'>;
  readonly conflict: Fields<'conflict'>;
  readonly 'unknown-outcome': Fields<'unknown-outcome'>;
  readonly 'auth-required': SyncError;
  readonly 'storage-reset': SyncError;
  readonly 'storage-blocked': null;
  readonly 'update-waiting': null;
  readonly state: SyncState;
}

export type SyncEventListener<T extends SyncEventType> =
  ((event: CustomEvent<SyncEventDetails[T]>) => void) | EventListenerObject;

/**
 * The page's side of Holdfast: steers the worker and tells what it does. Made by `connectSync`.
 *
 * Every call settles: with a value, or with a `SyncError`. If the worker is stopped or replaced before it answers, the call
 * rejects with `WorkerLostError` (`worker-lost`) and may or may not have had its effect; the next call makes a new connection.
 *
 * @example
 * ```ts
 * const sync = await connectSync({ worker: '/sw.js' });
 * sync.addEventListener('progress', (event) => show(event.detail.done, event.detail.total));
 * const result = await sync.synchronize({ mode: 'all' });
 * ```
 */
export interface SyncClient extends EventTarget {
  /** Resolves when the first download of every table that has one is complete; rejects (`cancelled`) on `close()`. */
  readonly ready: Promise<void>;

  /**
   * Sends what is not synchronized, then downloads what changed. Runs in the worker, which is kept alive until the call settles.
   *
   * Settles when the run has ended and its result is on disk. If the worker dies, the call rejects (`worker-lost`) and the run
   * goes on by itself at the worker's next start; calling again is safe, no change is sent twice.
   *
   * Rejects with `SyncBusyError` (`busy`) while another run goes, in whichever tab (see `onBusy`);
   * `PartialSynchronizationError` (`partial`, with `result`) if some records were not taken (see `onPartial`);
   * `CancelledError` (`cancelled`); `AuthRequiredError` (`auth-required`); `OfflineError` (`offline`); `FilterError` (`filter`).
   */
  synchronize(options?: SynchronizeCallOptions): Promise<SynchronizeResult>;
  /** Cancels the run that is going, whoever started it. Resolves with whether there was one. */
  cancel(): Promise<boolean>;
  /** Whether a run is going, in whichever tab or in none. */
  isSyncing(): Promise<boolean>;
  /** Why nothing travels now. */
  whyNotSyncing(): Promise<SyncObstacle>;
  /** What the worker knows of itself: user, run, reachability, counts. */
  state(): Promise<SyncState>;
  /** Results of past runs, the last one first. */
  history(options?: PageOptions): Promise<readonly SynchronizeResult[]>;

  /** Whether a record is synchronized. */
  statusOf(table: string, key: RecordKey): Promise<RecordStatus>;
  /**
   * What became of the write that a page sent with this `Idempotency-Key`, or of its group: also after the request for it was
   * cut off, in another tab, or after a restart. Known for a day after the write.
   */
  outcomeOf(idempotencyKey: string): Promise<WriteOutcome>;
  /** How much is not synchronized. */
  pending(): Promise<PendingCounts>;
  /**
   * Sets the status of each record that the filter matches; resolves with their number. `not-synchronized` (1) sends them with
   * the next run although they are clean, `synchronized` (0) withholds them. Safe to repeat. Rejects with `FilterError`.
   */
  setStatus(
    table: string,
    status: SyncStatus | 0 | 1,
    filter: string | object,
    options?: SetStatusCallOptions,
  ): Promise<number>;
  /**
   * The records of a table as they are here, by filter, order, page and status. Reads the local database alone: `complete`
   * says whether that is all there is. Rejects with `FilterError` (`filter`), or `unknown-table`.
   */
  query(table: string, options?: QueryOptions): Promise<QueryResult>;
  /**
   * A query that goes on: calls back with the first answer, and whenever a write of any tab, a status set by hand or a run
   * changed it, with what changed. It outlives the worker, and ends with `close()`, its signal, or the page.
   *
   * @example
   * ```ts
   * const live = sync.live('visits', {
   *   filter: 'rating >= :least',
   *   params: { least: 4 },
   *   onChange: ({ added, changed, removed }) => draw(added, changed, removed),
   * });
   * live.close();
   * ```
   */
  live(table: string, options: LiveOptions): LiveQuery;

  /**
   * Keeps a record as a draft, over the one before it: it outlives reloads and is never sent. A record without a key gets one.
   * On disk when the promise settles. Rejects with `invalid-body`, `invalid-key`, `unsupported`.
   */
  draft(table: string, record: JsonRecord): Promise<Draft>;
  /** The drafts of a table, each with what its record became meanwhile. */
  drafts(table: string): Promise<readonly Draft[]>;
  /**
   * Makes a draft a change, which is sent like any other; resolves with the record as stored. The draft goes in the same
   * transaction. Rejects, with the draft kept, with `exists` or `not-found` if the record came or went meanwhile.
   */
  commit(table: string, key: RecordKey): Promise<JsonRecord>;
  /** Gives a draft up. Resolves with whether there was one. */
  discardDraft(table: string, key: RecordKey): Promise<boolean>;

  /**
   * Stores several writes and commands that the server is to take together, or not at all: if it refuses one of them, none is
   * applied, and the others wait for that one. Resolves when all of them are on disk; rejects with nothing stored:
   * `unsupported` for a backend that sends each change by itself, `exists`, `not-found`, `referenced`, `invalid-key`,
   * `invalid-request` naming the request at fault (`details.index`), `request-changed`. `$name` stands for the key of the record that
   * an earlier request makes with `as: 'name'`. Safe to repeat only with the same `idempotencyKey`.
   *
   * @example
   * ```ts
   * await sync.group([
   *   { method: 'PATCH', url: '/api/products/1', body: { Stock: 90 } },
   *   { method: 'PATCH', url: '/api/products/2', body: { Stock: 210 } },
   *   { method: 'POST', url: '/api/visits/7/close' },
   * ]);
   * ```
   */
  group(requests: readonly GroupRequest[], options?: GroupOptions): Promise<GroupResult>;

  /**
   * All of the user's work that is on this device only, as a file: changes, commands, drafts, held changes, failures with their
   * content. Of files it has the references; the contents stay here. Nothing here changes.
   */
  exportUnsent(): Promise<File>;
  /**
   * Takes over what `exportUnsent` made, here or on another device: all of it, or nothing. Safe to repeat, and safe after the
   * original was sent. Rejects with `invalid-file`, `user-mismatch` for another user's work, `VersionError` (`protocol-version`)
   * for a file of a newer version.
   */
  importUnsent(file: Blob): Promise<ImportResult>;
  /**
   * Sets which part of a table is downloaded, for the signed-in user and until it is set again. The next run of mode `all`
   * fetches what enters and removes what leaves, never a record with a change. Rejects with `ConfigurationError` (`configuration`)
   * naming what is wrong with the scope, or `unknown-table`.
   */
  setScope(table: string, scope: ScopeOption): Promise<boolean>;
  /**
   * Takes records away here, not on the server; without a filter, all of the table. Those with unsent changes stay, and are named
   * in `refused`, unless `force`. The next download brings them back. Waits for a run that is going.
   */
  clear(table: string, filter?: string | object | null, options?: ClearOptions): Promise<ClearResult>;
  /**
   * Takes over records that the server says are new, as in a push message: keys, or the records themselves. Their copies are read
   * from the server, as a download brings them; what is changed here stays over them, and is sent as a conflict. Waits for a run
   * that is going. Rejects with `invalid-key`, `unsupported`, or the error of the request.
   */
  receive(table: string, records: readonly (RecordKey | JsonRecord)[]): Promise<ReceiveResult>;
  /** The changes that wait for a choice under the policy `manual`, with the base, the local and the server's copy. */
  conflicts(): Promise<readonly Conflict[]>;
  /**
   * Puts a record in place of a change in conflict, or of one that was rejected, to be sent with the next run; null deletes it.
   * Resolves with whether there was such a failure, with a change that still stands for it. Rejects with `unknown-outcome` as
   * `retry` does.
   */
  resolve(failure: string, record: JsonRecord | null): Promise<boolean>;

  /** Changes that the server did not take, with their content and the reason, the newest first. */
  failures(options?: PageOptions): Promise<readonly Failure[]>;
  /**
   * Sends a failed change again with the next run. Resolves with whether it could be. Rejects with `unknown-outcome` for a failure
   * `unknown`: it may be at the server, so it takes the user's word, by `sendAgain` or `arrived`.
   */
  retry(failure: string): Promise<boolean>;
  /** Gives a failed change up; its record shows the server's copy again. Resolves with whether there was such a failure. */
  discard(failure: string): Promise<boolean>;
  /**
   * For a failure `unknown`: sends once more what was sent without an answer. Only the user can know that it did not arrive.
   * Resolves with whether there was such a failure.
   */
  sendAgain(failure: string): Promise<boolean>;
  /** For a failure `unknown`: it has arrived, and is not sent again. Resolves with whether there was such a failure. */
  arrived(failure: string): Promise<boolean>;

  /**
   * Names the user whose data is shown and sent from now on, and resumes what waited for credentials. Headers are held in memory
   * only. Settles when the switch is on disk; rejects only if nothing was switched. A page that showed another user's data must be
   * reloaded then: until it is, its requests and calls are refused with `user-changed`.
   */
  signIn(options: SignInOptions): Promise<boolean>;
  /**
   * Ends the user's sign-in here; resolves with whether anybody was signed in. A run that is going ends. Rejects, with everything as
   * it was, with the run's error or `unsent` if what was to be uploaded could not be, with `unsent` if removing the
   * downloaded data would lose work, and with `user-changed` if somebody signs in before it is done.
   */
  signOut(options?: SignOutOptions): Promise<boolean>;

  /**
   * Lets a waiting worker take over; resolves when it has, with `false` if none was waiting. The page is not reloaded. A run that is
   * going ends at its next step, where the new worker goes on; calls that wait for it reject with `worker-lost`. What is under way is
   * waited for, for two minutes at most; then this page's calls wait for a second at most, so that the old worker can end. Rejects with
   * `cancelled` if the client is closed before.
   */
  update(): Promise<boolean>;
  /** Asks the browser not to evict the local data under storage pressure; resolves with its answer. */
  persist(): Promise<boolean>;
  /** Ends the connection and all listening; pending calls reject (`cancelled`). A second call does nothing. */
  close(): void;

  /** Events come from runs and writes of every tab, and of none. */
  addEventListener<T extends SyncEventType>(
    type: T,
    listener: SyncEventListener<T> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<T extends SyncEventType>(
    type: T,
    listener: SyncEventListener<T> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}
