import { filterFailure } from './failure.ts';

export type Token =
  | {
      readonly type: 'word' | 'name' | 'string' | 'parameter' | 'symbol';
      readonly text: string;
      readonly position: number;
    }
  | { readonly type: 'number'; readonly value: number; readonly text: string; readonly position: number }
  | { readonly type: 'end'; readonly text: ''; readonly position: number };

// In order: word, number, single and double quoted string, `name`, [name], :parameter, symbol. Each alternative begins
// with a character of its own and repeats what cannot overlap, so that the pattern takes one pass over any text.
const PATTERN =
  /([A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)|((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])|'([^']*(?:''[^']*)*)'|"([^"]*(?:""[^"]*)*)"|`([^`]*(?:``[^`]*)*)`|\[([^\]]+)\]|:([A-Za-z_]\w*)|(<=|>=|<>|!=|==|[=<>(),+-])/y;

/** Splits a filter or an order into tokens, one at a time. */
export function readToken(text: string, from: number): { readonly token: Token; readonly next: number } {
  const space = /\s*/y;
  space.lastIndex = from;
  space.exec(text);
  const position = space.lastIndex;
  if (position >= text.length) return { token: { type: 'end', text: '', position }, next: position };
  PATTERN.lastIndex = position;
  const match = PATTERN.exec(text);
  if (!match) throw unreadable(text, position);
  return { token: toToken(match, position, text), next: PATTERN.lastIndex };
}

function toToken(match: RegExpExecArray, position: number, source: string): Token {
  const [, word, number, single, double, tick, bracket, parameter, symbol = ''] = match;
  if (word !== undefined) return { type: 'word', text: word, position };
  if (number !== undefined) {
    const value = Number(number);
    if (!Number.isFinite(value)) throw filterFailure(source, position, 'a number within the range of a double');
    return { type: 'number', value, text: number, position };
  }
  if (single !== undefined) return { type: 'string', text: single.replaceAll("''", "'"), position };
  if (double !== undefined) return { type: 'string', text: double.replaceAll('""', '"'), position };
  if (tick !== undefined) return { type: 'name', text: tick.replaceAll('``', '`'), position };
  if (bracket !== undefined) return { type: 'name', text: bracket, position };
  if (parameter !== undefined) return { type: 'parameter', text: parameter, position };
  return { type: 'symbol', text: symbol, position };
}

function unreadable(text: string, position: number): Error {
  const character = text.charAt(position);
  const closing = character === '[' ? ']' : character;
  if (`'"\`[`.includes(character)) return filterFailure(text, text.length, `the closing ${closing}`);
  return filterFailure(text, position, /[\d.]/u.test(character) ? 'a number' : 'a column, a value or an operator');
}
