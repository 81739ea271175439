import { cmpKeys, type Key } from './keys.ts';

interface StoredRecord {
  readonly key: Key;
  /** Of an index: the primary key of the record to which it points. */
  readonly value: unknown;
}

interface Range {
  readonly lower: Key | undefined;
  readonly upper: Key | undefined;
  readonly lowerOpen: boolean;
  readonly upperOpen: boolean;
}

/** Stands in for the trees of fake-indexeddb: the records of a store or an index, sorted in one list. */
export class RecordStore {
  readonly #isUnique: boolean;
  #records: StoredRecord[] = [];

  constructor(isUnique: boolean) {
    this.#isUnique = isUnique;
  }

  /** Where the first record is for which it is said to be at or behind the place that is looked for. */
  #firstWhere(isBehind: (record: StoredRecord) => boolean): number {
    let from = 0;
    let to = this.#records.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const record = this.#records[middle];
      if (record !== undefined && isBehind(record)) to = middle;
      else from = middle + 1;
    }
    return from;
  }

  #compare(record: StoredRecord, other: StoredRecord): number {
    const compared = cmpKeys(record.key, other.key);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- an index that is not unique
    return compared !== 0 || this.#isUnique ? compared : cmpKeys(record.value as Key, other.value as Key);
  }

  /** The place of the record, and whether one is there that counts as the same. */
  #placeOf(record: StoredRecord): { readonly at: number; readonly found: StoredRecord | undefined } {
    const at = this.#firstWhere((other) => this.#compare(other, record) >= 0);
    const found = this.#records[at];
    return { at, found: found !== undefined && this.#compare(found, record) === 0 ? found : undefined };
  }

  /** From which record to which one the range goes. */
  #boundsOf({ lower, upper, lowerOpen, upperOpen }: Range): readonly [from: number, to: number] {
    const from = lower === undefined ? 0 : this.#firstWhere(({ key }) => cmpKeys(key, lower) >= (lowerOpen ? 1 : 0));
    if (upper === undefined) return [from, this.#records.length];
    return [from, this.#firstWhere(({ key }) => cmpKeys(key, upper) >= (upperOpen ? 0 : 1))];
  }

  get(key: Key | Range): StoredRecord | undefined {
    if (isRange(key)) {
      const [from, to] = this.#boundsOf(key);
      return from < to ? this.#records[from] : undefined;
    }
    const found = this.#records[this.#firstWhere((other) => cmpKeys(other.key, key) >= 0)];
    return found !== undefined && cmpKeys(found.key, key) === 0 ? found : undefined;
  }

  /** Gives the record that was there before. */
  put(record: StoredRecord, noOverwrite = false): StoredRecord | undefined {
    const { at, found } = this.#placeOf(record);
    if (found !== undefined && noOverwrite)
      throw new DOMException('A record of this key is there already.', 'ConstraintError');
    this.#records.splice(at, found === undefined ? 0 : 1, record);
    return found;
  }

  delete(key: Key | Range): StoredRecord[] {
    const range = isRange(key) ? key : { lower: key, upper: key, lowerOpen: false, upperOpen: false };
    const [from, to] = this.#boundsOf(range);
    return from < to ? this.#records.splice(from, to - from) : [];
  }

  deleteByKeyAndValue(key: Key, value: Key): void {
    const { at, found } = this.#placeOf({ key, value });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- called for indexes only
    if (found !== undefined && cmpKeys(found.value as Key, value) === 0) this.#records.splice(at, 1);
  }

  clear(): StoredRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /** Nobody here asks for each key once. */
  values(range?: Range, direction: 'next' | 'prev' = 'next'): readonly StoredRecord[] {
    const [from, to] = range === undefined ? [0, this.#records.length] : this.#boundsOf(range);
    const found = this.#records.slice(from, to);
    return direction === 'prev' ? found.reverse() : found;
  }

  size(): number {
    return this.#records.length;
  }
}

function isRange(key: Key | Range): key is Range {
  return typeof key === 'object' && 'lowerOpen' in key;
}
