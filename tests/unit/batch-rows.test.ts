import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isMutationId } from '../../sw/protocol/record.ts';
import { rowsOf } from '../../sw/store/changes.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { deleteRows, readBatchRows, type ChangeItem } from '../../sw/sync/batch-rows.ts';
import { knowBatch, recallBatchRows, type KnownChanges } from '../../sw/sync/known-changes.ts';
import { unchangedOf } from '../../sw/sync/unchanged.ts';
import { refId, type UploadItem } from '../../sw/sync/upload-order.ts';

function rowAt(table: string, key: string, seq: number): ChangeRow {
  const mutationId: unknown = randomUUID();
  if (!isMutationId(mutationId)) throw new TypeError('not an id');
  const fixed = { operation: 'create', text: '{}', base: null, whole: true, schema: 1, state: 'pending' } as const;
  return { table, key, seq, mutationId, attempts: 0, madeAt: 0, ...fixed };
}

function itemOf({ table, key, seq, mutationId }: ChangeRow): ChangeItem {
  return { type: 'change', table, key, seq, mutationId };
}

const key = (index: number): string => `k${String(index).padStart(6, '0')}`;

async function stored(rows: readonly ChangeRow[]): Promise<Database> {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  await database.write(['changes'], async (tx) => {
    await Promise.all(rows.map((row) => tx.objectStore('changes').put(row)));
  });
  return database;
}

/** Rows of two tables in turn, whose keys lie as `place` says. */
function made(count: number, place: (index: number) => number): ChangeRow[] {
  return Array.from({ length: count }, (_, index) =>
    rowAt(index % 2 === 0 ? 'lines' : 'visits', key(place(index)), index + 1),
  );
}

const layouts = {
  'lie together': { rows: made(20, (index) => index), sent: [0, 20] },
  'lie between others': { rows: made(60, (index) => (index * 37) % 60), sent: [10, 30] },
  'lie far apart among many': { rows: made(600, (index) => (index * 7) % 600), sent: [40, 46] },
  'were made at times far apart': { rows: made(600, (index) => index), sent: [0, 3], last: 599 },
} as const;

describe('The rows of a batch', () => {
  it.for(Object.entries(layouts))('are all rows of its records, where these %s (SPEC T-1)', async ([, layout]) => {
    const { rows, sent } = layout;
    const batch = [...rows.slice(...sent), ...('last' in layout ? rows.slice(layout.last) : [])];
    const above = batch.slice(0, 3).map((row, index) => rowAt(row.table, String(row.key), 10_000 + index));
    const database = await stored([...rows, ...above]);
    const items = batch.map(itemOf);
    const found = await database.read(['changes'], async (tx) => {
      const expected = await Promise.all(items.map((item) => rowsOf(tx, item.table, item.key)));
      return { expected, read: await readBatchRows(tx, items) };
    });
    expect(items.map(({ seq }) => found.read.get(seq))).toEqual(found.expected);
    expect(found.read.get(items[0]?.seq ?? 0)).toHaveLength(2);
  });

  it.for(Object.entries(layouts))(
    'go without those of others, where they %s (invariant 1)',
    async ([, { rows, sent }]) => {
      const database = await stored(rows);
      const gone = rows.slice(...sent);
      await database.write(['changes'], (tx) => deleteRows(tx, gone));
      const left = await database.read(['changes'], (tx) => tx.objectStore('changes').index('seq').getAll());
      expect(left).toEqual(rows.filter((row) => !gone.includes(row)));
    },
  );

  it('are found beside others where one that was sent is gone', async () => {
    const [sent, other] = [rowAt('lines', key(1), 1), rowAt('lines', key(2), 2)];
    const above = rowAt('lines', key(2), 3);
    const database = await stored([other, above]);
    const read = await database.read(['changes'], (tx) => readBatchRows(tx, [sent, other].map(itemOf)));
    expect(read.get(1)).toEqual([]);
    expect(read.get(2)).toEqual([other, above]);
  });

  it.for([2, 600])('tell which records have no change, among %i of a table', async (count) => {
    const rows = made(count, (index) => index * 2);
    const database = await stored(rows);
    const refs = [...rows.slice(0, 2), { table: 'lines', key: key(1) }, { table: 'visits', key: key(count * 2) }];
    const wanted = new Map(refs.map((ref) => [refId(ref), { table: ref.table, key: ref.key }]));
    const unchanged = await database.read(['changes'], (tx) => unchangedOf(tx, wanted));
    const without = ({ table, key: of }: { table: string; key: unknown }): boolean =>
      !rows.some((row) => row.table === table && row.key === of);
    const expected = refs.filter(without).map(refId);
    expect(expected).toEqual(expect.arrayContaining([...unchanged]));
    if (count === 2) expect(unchanged).toHaveLength(2);
  });
});

describe('What a run knows of a batch', () => {
  const { tables } = parseSchema(1, { lines: { path: '/lines', key: 'id' }, visits: { path: '/visits', key: 'id' } });
  const itemsOf = (rows: readonly ChangeRow[]): UploadItem[] =>
    rows.map((row) => {
      const table = tables.get(row.table);
      if (table === undefined) throw new Error(`There is no table ${row.table}.`);
      return { type: 'change', row, table };
    });
  const know = (database: Database, rows: readonly ChangeRow[], left: number): Promise<KnownChanges | null> =>
    database.write(['changes'], (tx) => {
      const journal = { throughSeq: left, uploadedThrough: 0 };
      return knowBatch(tx, { items: itemsOf(rows), journal }, { stamp: 'left', before: null });
    });

  it.for([
    ['few', 20_000, true],
    ['many', 20_001, false],
  ] as const)('is which of its records have later rows, where %s are left (SPEC T-5)', async ([, left, ofAll]) => {
    const rows = made(100, (index) => index);
    const above = rows.slice(10, 13).map((row, index) => rowAt(row.table, String(row.key), 10_000 + index));
    const database = await stored([...rows, ...above]);
    const known = await know(database, rows, left);
    expect(known?.ofAll).toBe(ofAll);
    expect([...(known?.several ?? [])].sort()).toEqual(above.map(refId).sort());
    const items = rows.map(itemOf);
    const found = await database.write(['changes'], async (tx) => ({
      recalled: known === null ? null : await recallBatchRows(tx, items, known),
      read: await readBatchRows(tx, items),
    }));
    expect(found.recalled).toEqual(found.read);
    expect(found.recalled?.get(11)).toHaveLength(2);
  });

  it('is nothing where many are left among which its records are strewn, or where it is small', async () => {
    const rows = made(600, (index) => (index * 7) % 600);
    const database = await stored(rows);
    expect(await know(database, rows.slice(40, 140), 20_001)).toBeNull();
    expect(await know(database, rows.slice(40, 140), 20_000)).not.toBeNull();
    expect(await know(database, rows.slice(40, 100), 20_000)).toBeNull();
  });
});
