import type { ColumnType } from '../protocol/filter-tree.ts';

/** A value as filters compare it: booleans are 0 and 1, a date column's values are milliseconds. */
export type ComparedValue = string | number | null;

const NUMBER = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*$/iu;
const ISO_DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d:?\d\d)?)?$/iu;

/**
 * What a column of the declared type compares for a record's value, as SQLite's column affinity has it: a number column
 * reads '7' as 7, a string column reads 7 as '7', a boolean column also reads 'true' and 'false', a date column reads
 * ISO texts (without a zone in UTC). What cannot be read so stays text, which is greater than every number. A column
 * without a type keeps the value's own type.
 */
export function columnValue(value: unknown, type?: ColumnType): ComparedValue {
  const own = ownValue(value);
  if (type === undefined || own === null) return own;
  if (type === 'string') return String(own);
  return typeof own === 'number' ? own : readNumber(own, type);
}

function ownValue(value: unknown): ComparedValue {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return Number.isNaN(value) ? null : value;
    case 'boolean':
      return value ? 1 : 0;
    case 'object':
      if (value === null) return null;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
      return JSON.stringify(value);
    default:
      return null;
  }
}

function readNumber(text: string, type: 'number' | 'boolean' | 'date'): string | number {
  if (type === 'date') return readInstant(text) ?? text;
  if (type === 'boolean' && /^(?:true|false)$/iu.test(text)) return text.length === 4 ? 1 : 0;
  return NUMBER.test(text) ? Number(text) : text;
}

/** Whether a text is cut like `2024-05-01T00:00:00.000Z`, as most are: then the browser's own parser reads it, faster. */
function isPlainInstant(text: string): boolean {
  if (text.length !== 24 || text[4] !== '-' || text[7] !== '-' || text[10] !== 'T' || text[23] !== 'Z') return false;
  for (let index = 0; index < 23; index += 1) {
    const code = text.charCodeAt(index);
    if ((code < 48 || code > 57) && !(index > 12 ? code === 58 || code === 46 : code === 45 || code === 84))
      return false;
  }
  return true;
}

function readInstant(text: string): number | undefined {
  if (isPlainInstant(text)) {
    const instant = Date.parse(text);
    return Number.isNaN(instant) ? undefined : instant;
  }
  const [, day, time = '00:00', zone = 'Z'] = ISO_DATE.exec(text) ?? [];
  if (day === undefined) return undefined;
  const instant = Date.parse(`${day}T${time}${zone.replace(/^(.\d\d)(\d\d)$/u, '$1:$2').toUpperCase()}`);
  return Number.isNaN(instant) ? undefined : instant;
}

/** A value as LIKE sees it. A date is its instant in UTC, `2024-05-01T00:00:00.000Z`, whatever zone it was written in. */
export function likeText(value: string | number, type: ColumnType | undefined): string {
  if (typeof value === 'string') return value;
  return type === 'date' && Math.abs(value) <= 8.64e15 ? new Date(value).toISOString() : String(value);
}

/** SQLite's order of values that are not NULL: numbers before texts, texts by code point. */
export function compareNonNull(a: string | number, b: string | number): number {
  if (typeof a === 'string') return typeof b === 'string' ? compareText(a, 0, a.length, b) : 1;
  if (typeof b === 'string' || a < b) return -1;
  return a > b ? 1 : 0;
}

/**
 * Compares the part of `text` from `start` to `end` with `other` by code points, which is the order of UTF-8 bytes and
 * so SQLite's BINARY collation. JavaScript's own `<` compares UTF-16 units, which puts U+E000 to U+FFFF after the
 * characters beyond U+FFFF, whose surrogates are units from 0xD800 to 0xDFFF.
 */
export function compareText(text: string, start: number, end: number, other: string): number {
  const shared = Math.min(end - start, other.length);
  for (let index = 0; index < shared; index++) {
    const a = text.charCodeAt(start + index);
    const b = other.charCodeAt(index);
    if (a !== b) return a >= 0xd800 && b >= 0xd800 ? surrogatesLast(a) - surrogatesLast(b) : a - b;
  }
  return end - start - other.length;
}

function surrogatesLast(unit: number): number {
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * A comparison of two values of a column, for sorting ascending: NULL first, as in SQLite. For a descending order
 * exchange its arguments, which puts NULL last.
 */
export function compareValues(type?: ColumnType): (a: unknown, b: unknown) => number {
  return (a, b) => {
    const left = columnValue(a, type);
    const right = columnValue(b, type);
    if (left === null) return right === null ? 0 : -1;
    return right === null ? 1 : compareNonNull(left, right);
  };
}
