import { floorIndex, indexOfKey } from './packed.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';

export function hasKey(keys: readonly RecordKey[], key: RecordKey): boolean {
  return indexOfKey(keys, key) >= 0;
}

/** The sorted keys from one on and below another; null: no such end. */
export function keysBetween(
  keys: readonly RecordKey[],
  from: RecordKey | null,
  below: RecordKey | null,
): readonly RecordKey[] {
  const firstFrom = (key: RecordKey): number => {
    const floor = floorIndex(keys, key);
    return keys[floor] === key ? floor : floor + 1;
  };
  return keys.slice(from === null ? 0 : firstFrom(from), below === null ? keys.length : firstFrom(below));
}

/** Sorted keys and others, sorted too, without repeats. */
export function united(keys: readonly RecordKey[], others: readonly RecordKey[]): RecordKey[] {
  if (others.length === 0) return [...keys];
  const all: RecordKey[] = [];
  let [left, right] = [0, 0];
  for (;;) {
    const a = keys[left];
    const b = others[right];
    if (a === undefined && b === undefined) return all;
    const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a, b);
    const next = order <= 0 ? a : b;
    if (next !== undefined) all.push(next);
    if (order <= 0) left += 1;
    if (order >= 0) right += 1;
  }
}

/** The sorted keys that are not among others, sorted too. */
export function without(keys: readonly RecordKey[], others: readonly RecordKey[]): RecordKey[] {
  if (others.length === 0) return [...keys];
  const left: RecordKey[] = [];
  let at = 0;
  for (const key of keys) {
    let other = others[at];
    while (other !== undefined && compareKeys(other, key) < 0) other = others[(at += 1)];
    if (other !== key) left.push(key);
  }
  return left;
}
