import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { PackedRecords } from './base-rows.ts';

/** A record as it is stored: its JSON is kept as text, and parsed only by who needs its fields. */
export interface StoredRecord {
  readonly key: RecordKey;
  readonly version: string;
  readonly text: string;
}

/** Packs records, which must be sorted by key and without repeats. */
export function packRecords(records: readonly StoredRecord[]): PackedRecords {
  const ends = new Uint32Array(records.length);
  let end = -1;
  records.forEach((record, index) => {
    end += 1 + record.text.length;
    ends[index] = end;
  });
  const first = records[0]?.version ?? '';
  return {
    keys: records.map((record) => record.key),
    versions: records.every((record) => record.version === first) ? first : records.map((record) => record.version),
    text: records.map((record) => record.text).join(','),
    ends,
  };
}

export function textAt(packed: PackedRecords, index: number): string {
  const start = index === 0 ? 0 : (packed.ends[index - 1] ?? 0) + 1;
  return packed.text.slice(start, packed.ends[index]);
}

function versionAt(packed: PackedRecords, index: number): string {
  return typeof packed.versions === 'string' ? packed.versions : (packed.versions[index] ?? '');
}

export function recordAt(packed: PackedRecords, index: number): StoredRecord | null {
  const key = packed.keys[index];
  if (key === undefined) return null;
  return { key, version: versionAt(packed, index), text: textAt(packed, index) };
}

/** The position of the last key that is not greater than the given one; -1 if all are greater. */
export function floorIndex(keys: readonly RecordKey[], key: RecordKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = keys[middle];
    if (at !== undefined && compareKeys(at, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The position of a key in sorted keys, or -1. */
export function indexOfKey(keys: readonly RecordKey[], key: RecordKey): number {
  const index = floorIndex(keys, key);
  return index >= 0 && keys[index] === key ? index : -1;
}

export function recordOf(packed: PackedRecords, key: RecordKey): StoredRecord | null {
  const index = indexOfKey(packed.keys, key);
  return index < 0 ? null : recordAt(packed, index);
}
