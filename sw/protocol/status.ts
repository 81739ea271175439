import type { RecordKey } from './record.ts';

/** What an app reads, filters by and sets. */
export type SyncStatus = 'synchronized' | 'not-synchronized';

/** The finer status; all but `clean` count as not synchronized, but for `held`, which counts as synchronized. */
export type StatusDetail = 'clean' | 'pending' | 'in-flight' | 'rejected' | 'conflict' | 'blocked' | 'held' | 'draft';

export const statusNames: readonly (SyncStatus | StatusDetail)[] = [
  'synchronized',
  'not-synchronized',
  'clean',
  'pending',
  'in-flight',
  'rejected',
  'conflict',
  'blocked',
  'held',
  'draft',
];

/** Whether a value that came from outside names a status, coarse or fine. */
export function isStatusName(value: unknown): value is SyncStatus | StatusDetail {
  return statusNames.some((name) => name === value);
}

export interface RecordStatus {
  readonly status: SyncStatus;
  /** 0 is synchronized, 1 is not. */
  readonly code: 0 | 1;
  readonly detail: StatusDetail;
}

export function statusOfDetail(detail: StatusDetail): RecordStatus {
  const synchronized = detail === 'clean' || detail === 'held';
  return { status: synchronized ? 'synchronized' : 'not-synchronized', code: synchronized ? 0 : 1, detail };
}

/**
 * How much is not synchronized: in all, by table, and within a table by finer status. Drafts are counted by table and not in all:
 * they do not wait to be sent.
 */
export interface PendingCounts {
  readonly total: number;
  /** Of these, what a run would send now. */
  readonly sendable: number;
  readonly tables: Readonly<Record<string, Readonly<Partial<Record<StatusDetail, number>>>>>;
  readonly commands: number;
}

/** Why a change was not taken by the server. */
export const failureCodes = [
  'gone',
  'forbidden',
  'validation',
  'conflict',
  'dangling',
  'hook',
  'schema',
  'too-large',
  'superseded',
  'file',
  'unknown',
] as const;

export type FailureCode = (typeof failureCodes)[number];

export type ChangeOperation = 'create' | 'update' | 'delete' | 'command';

/** A stored, readable record of a change that the server did not take. */
export interface Failure {
  readonly id: string;
  readonly table: string;
  readonly key: RecordKey;
  readonly operation: ChangeOperation;
  /** The whole record as it was to be sent (a command: its method, path and body); null for a delete. */
  readonly content: unknown;
  /** The last copy from the server on which the change was made, or null. */
  readonly base: unknown;
  readonly code: FailureCode;
  readonly message: string;
  /** A message for each field at fault. */
  readonly fields?: Readonly<Record<string, string>>;
  /** For `dangling`: the record that the server does not have. */
  readonly references?: { readonly table: string; readonly key: RecordKey };
  /** The atomic group it was sent with, of which nothing was taken; to retry or to discard it is to do so with all of it. */
  readonly group?: string;
  readonly user: string;
  readonly device: string;
  readonly run: string;
  /** Milliseconds since 1970 by this device's clock. */
  readonly at: number;
  /** Whether the change still stands here, marked `rejected`, and can be retried as it is; one that is `unknown`, by `sendAgain`. */
  readonly retriable: boolean;
}
