import type { OrderTerm } from '../protocol/filter-tree.ts';
import { expectEnd, openCursor, type ParseOptions, takeColumn, takeSymbol, takeWord } from './cursor.ts';

/**
 * Parses an order in either form, `Name,-Stock` or `Name ASC, Stock DESC`, with columns as in a filter. An empty text
 * is no order. Throws `FilterError` (`filter`).
 */
export function parseOrderBy(text: string, options: ParseOptions = {}): readonly OrderTerm[] {
  const cursor = openCursor(text, options);
  const terms: OrderTerm[] = [];
  if (cursor.token.type === 'end') return terms;
  do {
    const minus = takeSymbol(cursor, '-');
    const column = takeColumn(cursor, 'a column').name;
    const ascending = takeWord(cursor, 'ASC');
    const descending = !ascending && takeWord(cursor, 'DESC');
    terms.push({ column, descending: minus !== descending });
  } while (takeSymbol(cursor, ','));
  expectEnd(cursor, 'ASC, DESC, a comma or the end', ['ASC', 'DESC']);
  return terms;
}
