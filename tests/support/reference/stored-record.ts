import type { Json, JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';

export interface StoredRecord {
  readonly record: JsonRecord;
  readonly version: number;
  readonly owner: string;
}

/** A change of a table in the order in which it became visible; `owner` is whose record it was. */
export interface LogEntry {
  readonly seq: number;
  readonly table: string;
  readonly key: RecordKey;
  readonly owner: string;
}

/** What a download is made from. */
export interface DownloadSource {
  readonly epoch: string;
  readonly log: readonly LogEntry[];
  /** What `user` may read of a table, by key. */
  readable(table: string, user: string): ReadonlyMap<RecordKey, StoredRecord>;
}

export function arrayOf(value: unknown): readonly Json[] {
  return isArray(value) ? value : [];
}

function isArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
