import { SyncError, VersionError } from '../protocol/errors.ts';
import { isJsonObject, isMutationId, isRecordKey, type RecordKey } from '../protocol/record.ts';
import { failureCodes } from '../protocol/status.ts';
import type { ChangeRow, CommandRow, FailureRow } from '../store/format.ts';

export const fileFormat = 'holdfast-unsent';
export const fileVersion: number = 1;

/** All unsent work of one user on one device. Rows keep their mutation ids, so that what was sent meanwhile has no second effect. */
export interface UnsentFile {
  readonly format: typeof fileFormat;
  readonly version: number;
  /** `startSync`'s name. */
  readonly app: string;
  readonly schema: number;
  readonly user: string;
  readonly device: string;
  readonly exportedAt: number;
  readonly changes: readonly ChangeRow[];
  readonly commands: readonly CommandRow[];
  readonly drafts: readonly ChangeRow[];
  readonly failures: readonly FailureRow[];
  /** By table, the keys of the changes that are held. */
  readonly held: Readonly<Record<string, readonly RecordKey[]>>;
}

const states: readonly unknown[] = ['pending', 'rejected', 'conflict', 'blocked', 'unknown'];
const operations: readonly unknown[] = ['create', 'update', 'delete'];
const methods: readonly unknown[] = ['POST', 'PUT', 'PATCH', 'DELETE'];

function isRecordText(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  try {
    return isJsonObject(JSON.parse(value));
  } catch {
    return false;
  }
}

function isCopy(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  return isRecordText(value['text']) && (value['version'] === null || typeof value['version'] === 'string');
}

function isChange(value: unknown): value is ChangeRow {
  if (!isJsonObject(value)) return false;
  const { table, key, seq, mutationId, operation, text, base, whole, schema, state, attempts, madeAt } = value;
  return (
    typeof table === 'string' &&
    isRecordKey(key) &&
    Number.isInteger(seq) &&
    isMutationId(mutationId) &&
    operations.includes(operation) &&
    (operation === 'delete' ? text === null : isRecordText(text)) &&
    (base === null || isCopy(base)) &&
    typeof whole === 'boolean' &&
    Number.isInteger(schema) &&
    states.includes(state) &&
    typeof attempts === 'number' &&
    typeof madeAt === 'number'
  );
}

function isCommand(value: unknown): value is CommandRow {
  if (!isJsonObject(value)) return false;
  const { seq, mutationId, method, path, body, names, state, attempts, madeAt } = value;
  return (
    Number.isInteger(seq) &&
    isMutationId(mutationId) &&
    methods.includes(method) &&
    typeof path === 'string' &&
    path.startsWith('/') &&
    body !== undefined &&
    Array.isArray(names) &&
    names.every((name) => isJsonObject(name) && typeof name['table'] === 'string' && isRecordKey(name['key'])) &&
    states.includes(state) &&
    typeof attempts === 'number' &&
    typeof madeAt === 'number'
  );
}

function isFailure(value: unknown): value is FailureRow {
  if (!isJsonObject(value)) return false;
  const { id, table, key, operation, code, message, at, seq } = value;
  return (
    typeof id === 'string' &&
    typeof table === 'string' &&
    isRecordKey(key) &&
    (operation === 'command' || operations.includes(operation)) &&
    failureCodes.some((known) => known === code) &&
    typeof message === 'string' &&
    typeof at === 'number' &&
    (seq === null || Number.isInteger(seq))
  );
}

function invalid(what: string): SyncError {
  return new SyncError(
    'invalid-file',
    `This is no file of unsent work that can be read: ${what}. Nothing was changed.`,
  );
}

function listOf<T>(value: unknown, name: string, isItem: (item: unknown) => item is T): readonly T[] {
  if (!Array.isArray(value)) throw invalid(`it has no list of ${name}`);
  const items: readonly unknown[] = value;
  return items.map((item, index) => {
    if (!isItem(item)) throw invalid(`number ${index + 1} of its ${name} is none`);
    return item;
  });
}

function heldOf(value: unknown): UnsentFile['held'] {
  if (!isJsonObject(value)) throw invalid('it does not say what is held');
  return Object.fromEntries(
    Object.entries(value).map(([table, keys]) => [table, listOf(keys, 'held keys', isRecordKey)] as const),
  );
}

export interface FileExpectation {
  readonly app: string;
  readonly user: string;
  readonly schema: number;
}

/**
 * Reads a file of unsent work, all of it before anything is stored.
 *
 * @throws SyncError `invalid-file`, or `user-mismatch` for another user's; VersionError for one of a newer version.
 */
export function parseUnsentFile(text: string, expected: FileExpectation): UnsentFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  if (!isJsonObject(value) || value['format'] !== fileFormat) throw invalid('it was not exported by this library');
  const { version, app, schema, user, device, exportedAt } = value;
  if (typeof version !== 'number' || typeof schema !== 'number') throw invalid('it has no version');
  if (version > fileVersion || schema > expected.schema) {
    throw new VersionError(
      'The file was exported by a newer version of the app. Nothing was changed; update the app, then import it.',
    );
  }
  if (app !== expected.app) throw invalid(`it is of the app ${JSON.stringify(app)}`);
  if (typeof user !== 'string' || typeof device !== 'string' || typeof exportedAt !== 'number')
    throw invalid('it does not say whose it is');
  if (user !== expected.user) {
    throw new SyncError(
      'user-mismatch',
      `The file has the work of ${user}. Nothing was changed; sign in as ${user} first.`,
    );
  }
  const file: UnsentFile = {
    ...{ format: fileFormat, version, app, schema, user, device, exportedAt },
    changes: listOf(value['changes'], 'changes', isChange),
    commands: listOf(value['commands'], 'commands', isCommand),
    drafts: listOf(value['drafts'], 'drafts', isChange),
    failures: listOf(value['failures'], 'failures', isFailure),
    held: heldOf(value['held']),
  };
  const ids = [...file.changes, ...file.commands, ...file.drafts].map((row) => row.mutationId);
  if (new Set(ids).size !== ids.length) throw invalid('it has a change twice');
  return file;
}
