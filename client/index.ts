export { connectSync } from './connect-sync.ts';
export type { ConnectOptions } from './connect-options.ts';
export type { SyncClient, SyncEventDetails, SyncEventListener, SynchronizeCallOptions } from './sync-client.ts';
export { filterBuilder, type FieldBuilder, type FilterBuilder } from '../sw/protocol/filter-builder.ts';
export type { FilterTree } from '../sw/protocol/filter-tree.ts';
export type { LiveChange, LiveOptions, LiveQuery } from './live-query.ts';
export type { QueryResult } from './query.ts';
export type { SetStatusCallOptions } from './record-client.ts';
export type { ListedStatus, QueryFacts, QueryOptions, QueryParameter } from '../sw/protocol/query.ts';
export type { PageOptions, SetStatusOptions, SignInOptions } from '../sw/protocol/api.ts';
export type { Draft } from '../sw/protocol/draft.ts';
export type { GroupMember, GroupOptions, GroupRequest, GroupResult } from '../sw/protocol/group.ts';
export type { ImportResult, SignOutOptions } from '../sw/protocol/unsent.ts';
export type { WriteOutcome } from '../sw/protocol/outcome.ts';
export type { ReceiveResult } from '../sw/protocol/receive.ts';
export type { ClearOptions, ClearResult, Conflict } from '../sw/protocol/conflict.ts';
export type { ScopeOption } from '../sw/protocol/scope.ts';
export type { SyncEventType } from '../sw/protocol/events.ts';
export type { Json, JsonObject, JsonRecord, RecordKey, RunId } from '../sw/protocol/record.ts';
export type {
  Progress,
  RunMode,
  RunOutcome,
  RunPhase,
  RunTrigger,
  SelectedOutcome,
  SelectedOutcomeName,
  SkippedRecord,
  SyncObstacle,
  SynchronizeOptions,
  SynchronizeResult,
  SyncState,
  TableResult,
  TableSelection,
} from '../sw/protocol/run.ts';
export type {
  ChangeOperation,
  Failure,
  FailureCode,
  PendingCounts,
  RecordStatus,
  StatusDetail,
  SyncStatus,
} from '../sw/protocol/status.ts';
export {
  AuthRequiredError,
  busyText,
  CancelledError,
  ConfigurationError,
  errorCodes,
  FilterError,
  OfflineError,
  PartialSynchronizationError,
  QuotaError,
  StorageError,
  SyncBusyError,
  SyncError,
  UnknownOutcomeError,
  VersionError,
  WorkerLostError,
  type ErrorCode,
  type FilterErrorDetails,
  type PlainError,
  type SyncErrorOptions,
} from '../sw/protocol/errors.ts';
