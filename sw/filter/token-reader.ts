import {
  type FilterColumn,
  type FilterOperand,
  type FilterValue,
  FILTER_LIMITS,
  isOneCharacter,
} from '../protocol/filter-tree.ts';
import { filterFailure } from './failure.ts';
import { resolveName } from './names.ts';
import { nearest } from './nearest.ts';
import type { ParseOptions } from './parse-options.ts';
import { type Token, readToken } from './tokens.ts';

const RESERVED: ReadonlySet<string> = new Set(['and', 'or', 'not', 'like', 'in', 'between', 'is', 'escape']);
const CONSTANTS: Readonly<Record<string, FilterValue>> = { true: true, false: false, null: null };

/** Whether a bare word is read as something other than a column of that name. */
export function isReserved(word: string): boolean {
  const lowerCase = word.toLowerCase();
  return RESERVED.has(lowerCase) || Object.hasOwn(CONSTANTS, lowerCase);
}

/** The tokens of one text with one token of lookahead, and the smallest parts of the grammar. */
export class TokenReader {
  readonly #text: string;
  readonly #options: ParseOptions;
  #token: Token;
  #next: number;

  constructor(text: string, options: ParseOptions) {
    this.#text = text;
    this.#options = options;
    const { textLength } = FILTER_LIMITS;
    if (text.length > textLength) throw filterFailure(text, textLength, `at most ${textLength} characters`);
    ({ token: this.#token, next: this.#next } = readToken(text, 0));
  }

  get isAtEnd(): boolean {
    return this.#token.type === 'end';
  }

  get isAtWord(): boolean {
    return this.#token.type === 'word' && !RESERVED.has(this.#token.text.toLowerCase());
  }

  /** The symbol that stands here, or an empty string. */
  get symbol(): string {
    return this.#token.type === 'symbol' ? this.#token.text : '';
  }

  expectEnd(expected: string, words: readonly string[]): void {
    if (!this.isAtEnd) throw this.failure(expected, words);
  }

  advance(): Token {
    const taken = this.#token;
    ({ token: this.#token, next: this.#next } = readToken(this.#text, this.#next));
    return taken;
  }

  takeSymbol(symbol: string): boolean {
    if (this.symbol !== symbol) return false;
    this.advance();
    return true;
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.failure(symbol);
  }

  peekWord(word: string): boolean {
    return this.#token.type === 'word' && this.#token.text.toLowerCase() === word;
  }

  takeWord(word: string): boolean {
    if (!this.peekWord(word)) return false;
    this.advance();
    return true;
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.failure(word.toUpperCase(), [word.toUpperCase()]);
  }

  takeCharacter(): string {
    const { type, text } = this.#token;
    if (type !== 'string' || !isOneCharacter(text)) throw this.failure('a string of one character');
    this.advance();
    return text;
  }

  takeOperand(): FilterOperand {
    const { type, text } = this.#token;
    if (type === 'parameter' || type === 'string') {
      this.advance();
      return type === 'string' ? { type: 'value', value: text } : { type, name: text };
    }
    if (type === 'word' && Object.hasOwn(CONSTANTS, text.toLowerCase())) {
      this.advance();
      return { type: 'value', value: CONSTANTS[text.toLowerCase()] ?? null };
    }
    const sign = this.takeSymbol('-') ? -1 : this.takeSymbol('+') ? 1 : undefined;
    if (this.#token.type === 'number') {
      const { value } = this.#token;
      this.advance();
      // Adding 0 makes 0 of -0, which JSON cannot tell apart.
      return { type: 'value', value: value * (sign ?? 1) + 0 };
    }
    if (sign !== undefined) throw this.failure('a number');
    return this.takeColumn('a column, a value or a parameter');
  }

  takeColumn(expected: string): FilterColumn {
    const token = this.#token;
    const isName = token.type === 'name' || this.isAtWord;
    if (!isName) throw this.failure(expected);
    this.advance();
    if (token.type === 'word' && token.text.toLowerCase() === 'field' && this.takeSymbol('(')) return this.#takeField();
    return this.#toColumn(token);
  }

  #takeField(): FilterColumn {
    const { table } = this.#options;
    if (table !== undefined && this.#token.text.toLowerCase() !== table.toLowerCase()) {
      throw this.failure(`the table ${table}`, [table]);
    }
    this.#takeName('a table');
    this.expectSymbol(',');
    const column = this.#toColumn(this.#takeName('a column'));
    this.expectSymbol(')');
    return column;
  }

  #takeName(expected: string): Token {
    const { type } = this.#token;
    if (type !== 'word' && type !== 'name' && type !== 'string') throw this.failure(expected);
    return this.advance();
  }

  #toColumn({ text, position }: Token): FilterColumn {
    const name = resolveName(text, this.#options, (expected, meant) =>
      filterFailure(this.#text, position, expected, meant),
    );
    return { type: 'column', name };
  }

  /** The error for the token that stands here; if it is a mistyped one of `words`, that is named. */
  failure(expected: string, words: readonly string[] = []): Error {
    const { type, text, position } = this.#token;
    return filterFailure(this.#text, position, expected, type === 'word' ? nearest(text, words) : undefined);
  }
}
