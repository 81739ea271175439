import { isSynchronizeResult, type SynchronizeResult } from './run.ts';

/**
 * Every code an error of ours can carry: on a thrown `SyncError`, in a problem+json answer, in a failure, and in a
 * run's history. The error index in the documentation has an entry for each; a test compares the two lists.
 */
export const errorCodes = [
  'auth-required',
  'busy',
  'cancelled',
  'configuration',
  'encryption-key',
  'exists',
  'filter',
  'invalid-body',
  'invalid-file',
  'invalid-key',
  'invalid-request',
  'network',
  'no-credentials',
  'not-downloaded',
  'not-found',
  'not-held',
  'not-our-server',
  'offline',
  'online-only',
  'partial',
  'protocol-version',
  'quota',
  'referenced',
  'request-changed',
  'server',
  'storage',
  'storage-blocked',
  'too-large',
  'too-late',
  'unknown-outcome',
  'unknown-table',
  'unreachable',
  'unsent',
  'unsupported',
  'user-changed',
  'user-mismatch',
  'worker-lost',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface SyncErrorOptions {
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Whether the same call may succeed later without any change by the caller. @default false */
  readonly retryable?: boolean;
}

/** The base of every error that Holdfast throws or rejects with. Test `code`, not the class, across realms. */
export class SyncError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SyncErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** The exact text that a second caller gets while a run is going. */
export const busyText =
  'Performing simultaneous synchronizations is not supported. Please try again after the current synchronization is completed.';

/** A run is going already. The running one is not disturbed. */
export class SyncBusyError extends SyncError {
  override name = 'SyncBusyError';
  constructor(message: string = busyText, options: SyncErrorOptions = {}) {
    super('busy', message, { retryable: true, ...options });
  }
}

/** The run ended, but the server did not take some records; `details.result` is the whole `SynchronizeResult`. */
export class PartialSynchronizationError extends SyncError {
  override name = 'PartialSynchronizationError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('partial', message, options);
  }
  get result(): SynchronizeResult | null {
    const { result } = this.details;
    return isSynchronizeResult(result) ? result : null;
  }
}

export interface FilterErrorDetails {
  /** Offset of the offending character, counted in UTF-16 units from 0. */
  readonly position: number;
  readonly expected: string;
  /** The text's line and under it a caret at the position. */
  readonly caretLine: string;
  readonly nearest?: string;
}

/** A filter that does not parse, or names something that is not there. Nothing was evaluated. */
export class FilterError extends SyncError {
  override name = 'FilterError';
  constructor(message: string, details: FilterErrorDetails, options: SyncErrorOptions = {}) {
    super('filter', message, { ...options, details: { ...details } });
  }
  get position(): number {
    const { position } = this.details;
    return typeof position === 'number' ? position : 0;
  }
}

/** A wrong option of `startSync` or `connectSync`; `details.option` names it. */
export class ConfigurationError extends SyncError {
  override name = 'ConfigurationError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('configuration', message, options);
  }
}

/** The server cannot be reached and the call cannot be answered from here. */
export class OfflineError extends SyncError {
  override name = 'OfflineError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('offline', message, { retryable: true, ...options });
  }
}

/** The server wants (other) credentials. Everything unsent is kept; sign in and synchronize again. */
export class AuthRequiredError extends SyncError {
  override name = 'AuthRequiredError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('auth-required', message, options);
  }
}

/** The browser refused to store more. The write was not stored, and not answered with success. */
export class QuotaError extends SyncError {
  override name = 'QuotaError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('quota', message, options);
  }
}

/** The local database failed for another reason than space; `cause` has the browser's error. */
export class StorageError extends SyncError {
  override name = 'StorageError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('storage', message, { retryable: true, ...options });
  }
}

/** The key given at sign-in does not open the local database, or none was given. Nothing was deleted. */
export class EncryptionKeyError extends SyncError {
  override name = 'EncryptionKeyError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('encryption-key', message, options);
  }
}

/** The worker was stopped or replaced before it answered. The call may or may not have had its effect. */
export class WorkerLostError extends SyncError {
  override name = 'WorkerLostError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('worker-lost', message, { retryable: true, ...options });
  }
}

/** It is not known whether the server applied the request; the user chooses *send again* or *it arrived*. */
export class UnknownOutcomeError extends SyncError {
  override name = 'UnknownOutcomeError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('unknown-outcome', message, options);
  }
}

/** The server, the other side of the link, or the database speaks another version. */
export class VersionError extends SyncError {
  override name = 'VersionError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('protocol-version', message, options);
  }
}

/** The run was cancelled, by `cancel()` or by the caller's signal. Settled uploads stay settled. */
export class CancelledError extends SyncError {
  override name = 'CancelledError';
  constructor(message: string, options: SyncErrorOptions = {}) {
    super('cancelled', message, options);
  }
}

/** An error as it crosses a port: errors lose their class in structured cloning. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof SyncError) {
    const { code, message, retryable, details } = error;
    return { code, message, retryable, details };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'storage', message, retryable: true, details: {} };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function fromPlainError(plain: PlainError): SyncError {
  const { message, details, retryable } = plain;
  const options: SyncErrorOptions = { details, retryable };
  switch (plain.code) {
    case 'busy':
      return new SyncBusyError(message, options);
    case 'partial':
      return new PartialSynchronizationError(message, options);
    case 'filter':
      return new FilterError(
        message,
        {
          position: typeof details['position'] === 'number' ? details['position'] : 0,
          expected: textOf(details['expected']),
          caretLine: textOf(details['caretLine']),
          ...(typeof details['nearest'] === 'string' ? { nearest: details['nearest'] } : {}),
        },
        options,
      );
    case 'configuration':
      return new ConfigurationError(message, options);
    case 'offline':
      return new OfflineError(message, options);
    case 'auth-required':
      return new AuthRequiredError(message, options);
    case 'quota':
      return new QuotaError(message, options);
    case 'storage':
      return new StorageError(message, options);
    case 'encryption-key':
      return new EncryptionKeyError(message, options);
    case 'worker-lost':
      return new WorkerLostError(message, options);
    case 'unknown-outcome':
      return new UnknownOutcomeError(message, options);
    case 'protocol-version':
      return new VersionError(message, options);
    case 'cancelled':
      return new CancelledError(message, options);
    default:
      return new SyncError(plain.code, message, options);
  }
}
