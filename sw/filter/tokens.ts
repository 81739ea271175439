import { filterFailure } from './failure.ts';

export interface Token {
  readonly type: 'word' | 'number' | 'string' | 'name' | 'parameter' | 'symbol' | 'end';
  /** Without quotes, and with doubled quotes within made single. */
  readonly text: string;
  readonly position: number;
}

/**
 * One group for each of `TYPES`. Each alternative begins with a character of its own, and none of its repetitions can
 * give a character to another: so the pattern takes one pass over any text, however it was made.
 */
const PATTERN =
  /([A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)|((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])|'([^']*(?:''[^']*)*)'|"([^"]*(?:""[^"]*)*)"|`([^`]*(?:``[^`]*)*)`|\[([^\]]+)\]|:([A-Za-z_]\w*)|(<=|>=|<>|!=|==|[=<>(),+-])/y;
const TYPES: readonly Token['type'][] = ['word', 'number', 'string', 'string', 'name', 'name', 'parameter', 'symbol'];
const SPACE = /\s*/y;

/** Reads the token after `from`, and says where the text goes on. */
export function readToken(text: string, from: number): { readonly token: Token; readonly next: number } {
  SPACE.lastIndex = from;
  SPACE.exec(text);
  const position = SPACE.lastIndex;
  if (position >= text.length) return { token: { type: 'end', text: '', position }, next: position };
  PATTERN.lastIndex = position;
  const groups: readonly (string | undefined)[] | undefined = PATTERN.exec(text)?.slice(1);
  if (!groups) throw unreadable(text, position);
  const index = groups.findIndex((group) => group !== undefined);
  const first = text.charAt(position);
  const content = groups[index] ?? '';
  const unquoted = /['"`]/u.test(first) ? content.replaceAll(first + first, first) : content;
  return { token: { type: TYPES[index] ?? 'end', text: unquoted, position }, next: PATTERN.lastIndex };
}

function unreadable(text: string, position: number): Error {
  const character = text.charAt(position);
  if (/['"`[]/u.test(character)) {
    return filterFailure(text, text.length, `the closing ${character === '[' ? ']' : character}`);
  }
  return filterFailure(text, position, /[\d.]/u.test(character) ? 'a number' : 'a column, a value or an operator');
}
