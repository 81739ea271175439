import { isJsonObject, isMutationId, isRecordKey } from '../protocol/record.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { ReadRecord } from './backend.ts';

function isRecordOrNull(value: unknown): boolean {
  return value === null || isJsonObject(value);
}

function isVersion(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isOf(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    isJsonObject(value) &&
    typeof value['table'] === 'string' &&
    isRecordKey(value['key']) &&
    typeof value['found'] === 'string'
  );
}

/** Whether a value from the server is an outcome, whole and of the right types. */
export function isOutcome(value: unknown): value is Outcome {
  if (!isJsonObject(value) || !isMutationId(value['mutationId'])) return false;
  const { type, record, version, key, message, code, fields, references } = value;
  switch (type) {
    case 'applied':
      return (
        isRecordOrNull(record) && isVersion(version) && (key === undefined || isRecordKey(key)) && isOf(value['of'])
      );
    case 'conflict':
      return isRecordOrNull(record) && isVersion(version);
    case 'rejected':
      return (
        typeof message === 'string' &&
        typeof code === 'string' &&
        ['validation', 'hook', 'too-large', 'schema'].includes(code) &&
        (fields === undefined || isJsonObject(fields))
      );
    case 'gone':
    case 'forbidden':
    case 'later':
      return typeof message === 'string';
    case 'dangling':
      return (
        typeof message === 'string' &&
        isJsonObject(references) &&
        typeof references['table'] === 'string' &&
        isRecordKey(references['key'])
      );
    case 'undone':
      return isMutationId(value['because']);
    case 'fenced':
      return true;
    default:
      return false;
  }
}

export function isReadRecord(value: unknown): value is ReadRecord {
  return (
    isJsonObject(value) && isRecordKey(value['key']) && isRecordOrNull(value['record']) && isVersion(value['version'])
  );
}
