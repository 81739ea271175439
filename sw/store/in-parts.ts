/** Rows that are read at once. */
const rowsInPart = 1000;

/** Greater than all keys that rows have here. */
const beyond: IDBValidKey = [[]];

/** All keys. */
export function everything(): IDBKeyRange {
  return IDBKeyRange.upperBound(beyond, true);
}

interface Source<Row> {
  getAll(range: IDBKeyRange, limit: number): Promise<Row[]>;
}

/** The rows of a range in the order of their keys, however many: a browser may refuse them all in one answer. */
export async function readInParts<Row>(
  source: Source<Row>,
  range: IDBKeyRange,
  keyOf: (row: Row) => IDBValidKey,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let rest = range; ;) {
    const part = await source.getAll(rest, rowsInPart);
    for (const row of part) rows.push(row);
    const last = part.at(-1);
    if (part.length < rowsInPart || last === undefined) return rows;
    rest = IDBKeyRange.bound(keyOf(last), range.upper, true, range.upperOpen);
  }
}
