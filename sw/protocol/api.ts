import type { PlainError } from './errors.ts';
import type { ClearOptions, ClearResult, Conflict } from './conflict.ts';
import type { Draft } from './draft.ts';
import type { GroupOptions, GroupRequest, GroupResult } from './group.ts';
import type { WriteOutcome } from './outcome.ts';
import type { ScopeOption } from './scope.ts';
import type { ReceiveResult } from './receive.ts';
import type { QueryAnswer, QueryOptions, QueryParameter } from './query.ts';
import type { JsonRecord, RecordKey } from './record.ts';
import type { RunTrigger, SynchronizeOptions, SynchronizeResult, SyncObstacle, SyncState } from './run.ts';
import type { Failure, PendingCounts, RecordStatus, SyncStatus } from './status.ts';
import type { ImportResult, SignOutOptions } from './unsent.ts';

/** Errors lose their class on a port, so a call's outcome crosses as a value. */
export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: PlainError };

export interface SetStatusOptions {
  /** The values of the filter's parameters. */
  readonly params?: Readonly<Record<string, QueryParameter>>;
  /**
   * Also records deleted here: *synchronized* drops the delete, *not synchronized* keeps it. A delete of a group is not dropped: the call is
   * refused with `unsupported`. @default false
   */
  readonly includeDeleted?: boolean;
}

export interface SignInOptions {
  readonly user: string;
  /**
   * Sent with each request to the server; held in the memory of worker and page, never stored. Left out, those given before to the
   * same user's sign-in stay. @default none
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Opens the user's database where `startSync` has `encryption`: a secret, such as a passphrase. Held in the memory of worker and
   * page only; who loses it loses what is not on the server yet. Left out, the one given before to the same user's sign-in stays.
   */
  readonly encryptionKey?: string;
  /** The key before, to change it: then `encryptionKey` is the one from now on. */
  readonly previousEncryptionKey?: string;
}

export interface PageOptions {
  /** @default 100 */
  readonly limit?: number;
  /** @default 0 */
  readonly offset?: number;
}

/**
 * What a page can call in the worker, over Comlink. Every method settles with a `Reply`; all are asynchronous on the page's
 * side. `WorkerMethods` names the methods: nothing else is reachable through a port.
 */
export interface WorkerMethods {
  /**
   * A run in which some records were not taken is a value here, with outcome `partial`; the page throws it unless told
   * otherwise. Outcomes `failed` and `cancelled` are errors with `details.result`. Settles when the run has ended.
   */
  synchronize(call: string, options: SynchronizeOptions): Promise<Reply<SynchronizeResult>>;
  /** Cancels the run that is going; or, with a call's id, leaves that call's run if nobody else waits for it. */
  cancel(call: string | null): Promise<Reply<boolean>>;
  /**
   * False: nothing to do now. Else settles when the run has ended: a page keeps the worker alive while a call is under way.
   */
  requestRun(trigger: RunTrigger): Promise<Reply<boolean>>;
  state(): Promise<Reply<SyncState>>;
  whyNotSyncing(): Promise<Reply<SyncObstacle>>;
  history(options: PageOptions): Promise<Reply<readonly SynchronizeResult[]>>;
  statusOf(table: string, key: RecordKey): Promise<Reply<RecordStatus>>;
  outcomeOf(idempotencyKey: string): Promise<Reply<WriteOutcome>>;
  pending(): Promise<Reply<PendingCounts>>;
  setStatus(
    table: string,
    status: SyncStatus | 0 | 1,
    filter: string | object,
    options: SetStatusOptions,
  ): Promise<Reply<{ readonly count: number; readonly warnings: readonly string[] }>>;
  query(table: string, options: QueryOptions): Promise<Reply<QueryAnswer>>;
  draft(table: string, record: JsonRecord): Promise<Reply<Draft>>;
  drafts(table: string): Promise<Reply<readonly Draft[]>>;
  commit(table: string, key: RecordKey): Promise<Reply<JsonRecord>>;
  discardDraft(table: string, key: RecordKey): Promise<Reply<boolean>>;
  group(requests: readonly GroupRequest[], options: GroupOptions): Promise<Reply<GroupResult>>;
  /** The text of a file. */
  exportUnsent(): Promise<Reply<string>>;
  importUnsent(text: string): Promise<Reply<ImportResult>>;
  receive(table: string, records: readonly (RecordKey | JsonRecord)[]): Promise<Reply<ReceiveResult>>;
  setScope(table: string, scope: ScopeOption): Promise<Reply<boolean>>;
  clear(table: string, filter: string | object | null, options: ClearOptions): Promise<Reply<ClearResult>>;
  conflicts(): Promise<Reply<readonly Conflict[]>>;
  resolve(failure: string, record: JsonRecord | null): Promise<Reply<boolean>>;
  failures(options: PageOptions): Promise<Reply<readonly Failure[]>>;
  retry(failure: string): Promise<Reply<boolean>>;
  discard(failure: string): Promise<Reply<boolean>>;
  sendAgain(failure: string): Promise<Reply<boolean>>;
  arrived(failure: string): Promise<Reply<boolean>>;
  signIn(options: SignInOptions): Promise<Reply<boolean>>;
  /** False: nobody was signed in. */
  signOut(options: SignOutOptions): Promise<Reply<boolean>>;
  /** The headers and the key of this page's own `signIn`, for a worker that was started since. */
  provideHeaders(headers: Readonly<Record<string, string>> | null, encryptionKey?: string): Promise<Reply<boolean>>;
}

export type WorkerMethod = keyof WorkerMethods;

export const workerMethods: readonly WorkerMethod[] = [
  'synchronize',
  'cancel',
  'requestRun',
  'state',
  'whyNotSyncing',
  'history',
  'statusOf',
  'outcomeOf',
  'pending',
  'setStatus',
  'query',
  'draft',
  'drafts',
  'commit',
  'discardDraft',
  'group',
  'exportUnsent',
  'importUnsent',
  'receive',
  'setScope',
  'clear',
  'conflicts',
  'resolve',
  'failures',
  'retry',
  'discard',
  'sendAgain',
  'arrived',
  'signIn',
  'signOut',
  'provideHeaders',
];

/**
 * The handshake. A page makes up a connection's id, takes the lock `tabLock(connection)`, and posts `connect` with one end
 * of a `MessageChannel`. The worker takes the lock `connectionLock(connection)`, exposes its methods on the port and answers
 * `connected` on it, or `refused`. Each side holds its lock for as long as it lives and asks for the other's: getting it, it
 * knows that the other is gone, which no port tells.
 */
export type PageMessage =
  | {
      readonly holdfast: 1;
      readonly type: 'connect';
      readonly connection: string;
      /** The page has no controller, as after a hard reload: the worker claims it. */
      readonly claim?: boolean;
    }
  /** Keeps the worker alive while a call is under way: its `waitUntil` lasts until the call has settled, or 60 s. */
  | { readonly holdfast: 1; readonly type: 'keep-alive'; readonly connection: string; readonly call: string }
  | { readonly holdfast: 1; readonly type: 'skip-waiting' }
  /** To the active worker, when the waiting one is told to take over: that waits for what is going here. */
  | { readonly holdfast: 1; readonly type: 'give-way' };

/** The page's last word on a port. */
export interface CloseMessage {
  readonly holdfast: 1;
  readonly type: 'close';
}

export interface ConnectedMessage {
  readonly holdfast: 1;
  readonly type: 'connected';
  /** `startSync`'s name: names of the channel and locks derive from it. */
  readonly name: string;
  /** The library's version in the worker. */
  readonly version: string;
  readonly state: SyncState;
  /** Address of the server's events («there is something to download»), or null. One tab of all listens to it. */
  readonly live?: string | null;
}

/** There is a worker, but it has no state to tell. */
export interface RefusedMessage {
  readonly holdfast: 1;
  readonly type: 'refused';
  readonly error: PlainError;
}

export function isPageMessage(value: unknown): value is PageMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Partial<Record<'holdfast' | 'type' | 'connection' | 'call', unknown>>;
  if (message.holdfast !== 1) return false;
  if (message.type === 'skip-waiting' || message.type === 'give-way') return true;
  if (typeof message.connection !== 'string') return false;
  return message.type === 'connect' || (message.type === 'keep-alive' && typeof message.call === 'string');
}

export function isConnectedMessage(value: unknown): value is ConnectedMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Partial<Record<'holdfast' | 'type' | 'name' | 'state', unknown>>;
  return (
    message.holdfast === 1 &&
    message.type === 'connected' &&
    typeof message.name === 'string' &&
    typeof message.state === 'object'
  );
}

export function isRefusedMessage(value: unknown): value is RefusedMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Partial<Record<'holdfast' | 'type' | 'error', unknown>>;
  return (
    message.holdfast === 1 && message.type === 'refused' && typeof message.error === 'object' && message.error !== null
  );
}

export function isCloseMessage(value: unknown): value is CloseMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Partial<Record<'holdfast' | 'type', unknown>>;
  return message.holdfast === 1 && message.type === 'close';
}

/** Names shared by tabs and worker; one place, so that both sides agree. */
export function connectionLock(connection: string): string {
  return `holdfast-connection:${connection}`;
}

export function tabLock(connection: string): string {
  return `holdfast-tab:${connection}`;
}

/** Whoever holds this lock may write heads, and works on the open run. */
export function runLock(database: string): string {
  return `holdfast:${database}:run`;
}

/** Whether a lock is that of a run in any user's database of this `startSync` name. */
export function isRunLock(lock: string, name: string): boolean {
  return lock.startsWith(`holdfast:${databaseName(name, '')}`) && lock.endsWith(':run');
}

/** Held by the one tab that listens to the server's events. */
export function liveLock(name: string): string {
  return `holdfast-live:${name}`;
}

export function databaseName(name: string, user: string): string {
  return `holdfast:${name}:${user}`;
}

export function channelName(name: string): string {
  return `holdfast:${name}`;
}
