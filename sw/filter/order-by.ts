import type { OrderTerm } from '../protocol/filter-tree.ts';
import type { ParseOptions } from './parse-options.ts';
import { TokenReader } from './token-reader.ts';

/**
 * Parses an order in either form, `Name,-Stock` or `Name ASC, Stock DESC`, with columns as in a filter. An empty text
 * is no order. Throws `FilterError` (`filter`).
 */
export function parseOrderBy(text: string, options: ParseOptions = {}): readonly OrderTerm[] {
  const tokens = new TokenReader(text, options);
  const terms: OrderTerm[] = [];
  if (tokens.isAtEnd) return terms;
  do {
    const minus = tokens.takeSymbol('-');
    const column = tokens.takeColumn('a column').name;
    const ascending = tokens.takeWord('asc');
    const descending = !ascending && tokens.takeWord('desc');
    terms.push({ column, descending: minus !== descending });
  } while (tokens.takeSymbol(','));
  tokens.expectEnd('ASC, DESC, a comma or the end', ['ASC', 'DESC']);
  return terms;
}
