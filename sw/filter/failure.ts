import { FilterError } from '../protocol/errors.ts';

/** Makes the error for `position` in `text`: what was expected, what is there, and the line with a caret under it. */
export function filterFailure(text: string, position: number, expected: string, nearest?: string): FilterError {
  const caretLine = caretUnder(text, position);
  const found = /^(?:\w+|\s*$|[^]?)/u.exec(text.slice(position, position + 40))?.[0].trim() ?? '';
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return new FilterError(
    `The filter is wrong at position ${position}: expected ${expected}, found ${found === '' ? 'the end' : found}.${hint}\n${caretLine}`,
    { position, expected, caretLine, ...(nearest === undefined ? {} : { nearest }) },
  );
}

function caretUnder(text: string, position: number): string {
  const lineStart = text.lastIndexOf('\n', position - 1) + 1;
  const from = Math.max(lineStart, position - 60);
  const line = text.slice(from, position + 40).split('\n', 1)[0] ?? '';
  return `${line.replace(/\s/gu, ' ')}\n${' '.repeat(position - from)}^`;
}
