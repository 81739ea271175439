import type { RecordKey } from '../../../sw/protocol/record.ts';
import { integerOf, type Queryable, quoteName, textOrNull } from '../database/database.ts';
import { statement } from './condition.ts';
import { countInScope, inScope, type Reading, readPage } from './pages.ts';

export interface ListQuery {
  readonly reading: Reading;
  /** SQL terms; without any, in the order of keys. */
  readonly orderBy: readonly string[];
  readonly limit: number | null;
  readonly offset: number;
}

/** How many records a list has without its limit and offset. */
export function countList(tx: Queryable, { reading }: ListQuery): Promise<number> {
  return countInScope(tx, reading);
}

/** The JSON array of a list; one of all records is read page by page as the client takes it. */
export async function* listText(tx: Queryable, query: ListQuery): AsyncGenerator<string> {
  const { reading, orderBy, limit, offset } = query;
  const { table } = reading;
  yield '[';
  if (orderBy.length === 0 && limit === null && offset === 0) {
    let after: RecordKey | null = null;
    for (;;) {
      const page = await readPage(tx, { table, condition: inScope(reading), after, separator: ',\n' });
      if (page === null) break;
      yield after === null ? page.body : `,\n${page.body}`;
      after = page.last;
    }
  } else {
    const { sql, parameters } = statement((bind) => {
      const order = [...orderBy, quoteName(table.key)].join(', ');
      const bounds = `${limit === null ? '' : ` limit ${bind(limit)}::int`} offset ${bind(offset)}::int`;
      return (
        `select count(*)::int as count, string_agg(_text, ',' order by n) as body from ` +
        `(select _text, row_number() over (order by ${order}) as n from ${quoteName(table.name)} ` +
        `where ${inScope(reading)(bind)} order by ${order}${bounds}) as list`
      );
    });
    const [row] = await tx.query(sql, parameters);
    if (integerOf(row, 'count') > 0) yield textOrNull(row, 'body') ?? '';
  }
  yield ']';
}
