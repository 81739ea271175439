/** A key of IndexedDB as it is stored. */
export type Key = number | string | Date | ArrayBuffer | readonly Key[];

function rankOf(key: Key): number {
  if (typeof key === 'number') return 0;
  if (typeof key === 'string') return 2;
  if (Array.isArray(key)) return 4;
  return key instanceof Date ? 1 : 3;
}

/** In the order of IndexedDB: below zero, zero, or above. */
export function cmpKeys(first: Key, second: Key): number {
  if (typeof first === 'string' && typeof second === 'string') return first < second ? -1 : first === second ? 0 : 1;
  if (typeof first === 'number' && typeof second === 'number') return first < second ? -1 : first === second ? 0 : 1;
  const rank = rankOf(first);
  const other = rankOf(second);
  if (rank !== other) return rank < other ? -1 : 1;
  const firstParts = partsOf(first);
  const secondParts = partsOf(second);
  const length = Math.min(firstParts.length, secondParts.length);
  for (let index = 0; index < length; index += 1) {
    const compared = cmpKeys(firstParts[index] ?? 0, secondParts[index] ?? 0);
    if (compared !== 0) return compared;
  }
  return Math.sign(firstParts.length - secondParts.length);
}

function partsOf(key: Key): ArrayLike<Key> {
  if (key instanceof ArrayBuffer) return new Uint8Array(key);
  if (typeof key !== 'object') return [];
  return key instanceof Date ? [key.getTime()] : key;
}

/** @throws DataError where one of them is no key */
export function cmp(first: unknown, second: unknown): number {
  const keys = [toKey(first), toKey(second)];
  const [one, two] = keys.filter((key) => typeof key !== 'symbol');
  if (one === undefined || two === undefined) throw new DOMException('This is no key.', 'DataError');
  return cmpKeys(one, two);
}

const invalidType = Symbol('INVALID_TYPE');
const invalidValue = Symbol('INVALID_VALUE');
export { invalidType as INVALID_TYPE, invalidValue as INVALID_VALUE };

/** The key that a value stands for, or why it is none. */
export function toKey(value: unknown, seen: readonly unknown[] = []): Key | typeof invalidType | typeof invalidValue {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isNaN(value) ? invalidValue : value;
  if (Array.isArray(value)) {
    if (seen.includes(value)) return invalidValue;
    const within = [...seen, value];
    const key: Key[] = [];
    for (const part of value) {
      const made = toKey(part, within);
      if (typeof made === 'symbol') return invalidValue;
      key.push(made);
    }
    return key;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? invalidValue : new Date(value);
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (ArrayBuffer.isView(value))
    return Uint8Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)).buffer;
  return invalidType;
}
