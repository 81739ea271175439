import {
  FILTER_LIMITS,
  type FilterColumn,
  type FilterOperand,
  type FilterValue,
  isOneCharacter,
} from '../protocol/filter-tree.ts';
import { filterFailure } from './failure.ts';
import { type NameOptions, resolveName } from './names.ts';
import { nearest } from './nearest.ts';
import { readToken, type Token } from './tokens.ts';

export interface ParseOptions extends NameOptions {
  /** The table that `FIELD(Table,Column)` must name, in any case. Without it any table is accepted. */
  readonly table?: string | undefined;
  /** The parameters that have a value; without it any may be named, and the value is looked for when the filter is used. */
  readonly parameters?: ReadonlySet<string> | undefined;
}

/** A place in a text, with the token that stands there. */
export interface Cursor {
  readonly text: string;
  readonly options: ParseOptions;
  token: Token;
  next: number;
}

const RESERVED: ReadonlySet<string> = new Set(['and', 'or', 'not', 'like', 'in', 'between', 'is', 'escape']);
const CONSTANTS: Readonly<Record<string, FilterValue>> = { true: true, false: false, null: null };

/** Whether a bare word is read as something other than a column of that name. */
export function isReserved(word: string): boolean {
  return RESERVED.has(word.toLowerCase()) || isConstant(word);
}

function isConstant(word: string): boolean {
  return Object.hasOwn(CONSTANTS, word.toLowerCase());
}

export function openCursor(text: string, options: ParseOptions): Cursor {
  const { textLength } = FILTER_LIMITS;
  if (text.length > textLength) throw filterFailure(text, textLength, `at most ${textLength} characters`);
  return { text, options, ...readToken(text, 0) };
}

export function advance(cursor: Cursor): Token {
  const { token } = cursor;
  Object.assign(cursor, readToken(cursor.text, cursor.next));
  return token;
}

export function isAtSymbol({ token }: Cursor, symbol: string): boolean {
  return token.type === 'symbol' && token.text === symbol;
}

export function takeSymbol(cursor: Cursor, symbol: string): boolean {
  const isHere = isAtSymbol(cursor, symbol);
  if (isHere) advance(cursor);
  return isHere;
}

export function expectSymbol(cursor: Cursor, symbol: string): void {
  if (!takeSymbol(cursor, symbol)) throw failureAt(cursor, symbol);
}

/** Words are given in upper case, as they are shown in errors. */
export function isAtWord({ token }: Cursor, word: string): boolean {
  return token.type === 'word' && token.text.toUpperCase() === word;
}

export function takeWord(cursor: Cursor, word: string): boolean {
  const isHere = isAtWord(cursor, word);
  if (isHere) advance(cursor);
  return isHere;
}

export function expectWord(cursor: Cursor, word: string): void {
  if (!takeWord(cursor, word)) throw failureAt(cursor, word, [word]);
}

export function expectEnd(cursor: Cursor, expected: string, words: readonly string[]): void {
  if (cursor.token.type !== 'end') throw failureAt(cursor, expected, words);
}

export function takeCharacter(cursor: Cursor): string {
  const { type, text } = cursor.token;
  if (type !== 'string' || !isOneCharacter(text)) throw failureAt(cursor, 'a string of one character');
  return advance(cursor).text;
}

export function takeOperand(cursor: Cursor): FilterOperand {
  const { type, text } = cursor.token;
  if (type === 'parameter') {
    const { parameters } = cursor.options;
    if (parameters?.has(text) === false) {
      const { position } = cursor.token;
      throw filterFailure(cursor.text, position, `a value for the parameter :${text}`, nearest(text, parameters));
    }
    return { type, name: advance(cursor).text };
  }
  if (type === 'string') return { type: 'value', value: advance(cursor).text };
  if (type === 'word' && isConstant(text)) {
    return { type: 'value', value: CONSTANTS[advance(cursor).text.toLowerCase()] ?? null };
  }
  const isNegative = takeSymbol(cursor, '-');
  if (isNegative || takeSymbol(cursor, '+') || type === 'number') {
    const size = cursor.token.type === 'number' ? Number(cursor.token.text) : NaN;
    if (!Number.isFinite(size)) throw failureAt(cursor, 'a finite number');
    advance(cursor);
    // 0 - 0 is 0, where -0 would be a value that JSON cannot hold.
    return { type: 'value', value: isNegative ? 0 - size : size };
  }
  return takeColumn(cursor, 'a column, a value or a parameter');
}

export function takeColumn(cursor: Cursor, expected: string): FilterColumn {
  const { type, text } = cursor.token;
  if (type !== 'name' && (type !== 'word' || RESERVED.has(text.toLowerCase()))) throw failureAt(cursor, expected);
  const isField = isAtWord(cursor, 'FIELD');
  const token = advance(cursor);
  return isField && takeSymbol(cursor, '(') ? takeField(cursor) : toColumn(cursor, token);
}

function takeField(cursor: Cursor): FilterColumn {
  const { table } = cursor.options;
  if (table !== undefined && cursor.token.text.toLowerCase() !== table.toLowerCase()) {
    throw failureAt(cursor, `the table ${table}`, [table]);
  }
  takeName(cursor, 'a table');
  expectSymbol(cursor, ',');
  const column = toColumn(cursor, takeName(cursor, 'a column'));
  expectSymbol(cursor, ')');
  return column;
}

function takeName(cursor: Cursor, expected: string): Token {
  if (!['word', 'name', 'string'].includes(cursor.token.type)) throw failureAt(cursor, expected);
  return advance(cursor);
}

function toColumn({ text: source, options }: Cursor, { text, position }: Token): FilterColumn {
  const name = resolveName(text, options, (expected, meant) => filterFailure(source, position, expected, meant));
  return { type: 'column', name };
}

/** The error for the token that stands here; if it is a mistyped one of `words`, that is named. */
export function failureAt({ text: source, token }: Cursor, expected: string, words: readonly string[] = []): Error {
  const { type, text, position } = token;
  return filterFailure(source, position, expected, type === 'word' ? nearest(text, words) : undefined);
}
