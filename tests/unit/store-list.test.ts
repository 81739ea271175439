import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { parseFilter, parseOrderBy } from '../../sw/filter/index.ts';
import { compareKeys } from '../../sw/protocol/record.ts';
import { createBase } from '../../sw/store/base.ts';
import { mergeSegments } from '../../sw/store/compaction.ts';
import { createDatabase } from '../../sw/store/database.ts';
import { findKeys } from '../../sw/store/find-keys.ts';
import { readList } from '../../sw/store/list.ts';
import { setStatus } from '../../sw/store/set-status.ts';
import { download, type Item, theTable, write } from './store-fixture.ts';

const keys = fc.integer({ min: 0, max: 59 }).map((number) => `k${String(number).padStart(2, '0')}`);
const contents = fc.record({
  stock: fc.option(fc.integer({ min: -3, max: 3 })),
  name: fc.constantFrom('a', 'B', 'b', 'Ä', ''),
  // Long enough that sixty records fill several leaves.
  filler: fc.constantFrom('x', 'x'.repeat(9000)),
});
const step = fc.oneof(
  fc.record({ type: fc.constant('delta' as const), key: keys, item: fc.option(contents) }),
  fc.record({ type: fc.constant('write' as const), key: keys, item: fc.option(contents) }),
  fc.record({ type: fc.constant('merge' as const), key: keys, item: fc.option(contents) }),
);
const query = fc.record({
  above: fc.option(fc.integer({ min: -3, max: 3 })),
  // By a column that is not declared.
  isShort: fc.boolean(),
  orderBy: fc.constantFrom('', 'stock', '-stock', 'name,-stock'),
  limit: fc.option(fc.integer({ min: 0, max: 20 })),
  offset: fc.integer({ min: 0, max: 10 }),
  status: fc.constantFrom(null, 'not-synchronized' as const, 'synchronized' as const),
});

type Query = typeof query extends fc.Arbitrary<infer Value> ? Value : never;

/** What a list is, said in the plainest way. */
function naive(view: ReadonlyMap<string, Item>, changed: ReadonlySet<string>, asked: Query): readonly Item[] {
  const order = asked.orderBy.split(',').filter((term) => term !== '');
  const compare = (a: Item, b: Item): number => {
    for (const term of order) {
      const name = term.replace('-', '') === 'stock' ? 'stock' : 'name';
      const [x, y] = [a[name], b[name]];
      // NULL is the least, texts are in the order of their code points.
      const sign = x === y ? 0 : x === null ? -1 : y === null ? 1 : x < y ? -1 : 1;
      if (sign !== 0) return term.startsWith('-') ? -sign : sign;
    }
    return compareKeys(a.id, b.id);
  };
  return [...view.values()]
    .filter((item) => asked.above === null || (item.stock !== null && item.stock > asked.above))
    .filter((item) => !asked.isShort || item.filler === 'x')
    .filter((item) => asked.status === null || changed.has(item.id) === (asked.status === 'not-synchronized'))
    .sort(compare);
}

describe('a list of leaves, segments and changes', () => {
  it('is what the same list over a plain map is, filtered, ordered and by pages (S-01, K-10)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(keys, { maxLength: 60 }),
        fc.array(contents, { minLength: 60, maxLength: 60 }),
        fc.array(step, { maxLength: 14 }),
        fc.array(query, { minLength: 1, maxLength: 4 }),
        async (firstKeys, firstContents, steps, queries) => {
          const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
          const base = createBase();
          const server = new Map<string, Item>();
          const local = new Map<string, Item | null>();
          const make = (id: string, content: Omit<Item, 'id'> | null): Item | null =>
            content === null ? null : { id, ...content };
          for (const [index, key] of [...firstKeys].sort().entries()) {
            const item = make(key, firstContents[index] ?? null);
            if (item !== null) server.set(key, item);
          }
          await download(database, base, true, [...server.values()], []);
          for (const { type, key, item: content } of steps) {
            const item = make(key, content);
            if (type === 'merge') await mergeSegments(database, base, theTable(), () => false);
            else if (type === 'delta') {
              await download(database, base, false, item === null ? [] : [item], item === null ? [key] : []);
              if (item === null) server.delete(key);
              else server.set(key, item);
            } else {
              const seen = local.has(key) ? (local.get(key) ?? null) : (server.get(key) ?? null);
              if (item === null && seen === null) continue;
              await write(database, base, key, item);
              // A record that the server never had leaves nothing behind.
              if (item === null && !server.has(key)) local.delete(key);
              else local.set(key, item);
            }
          }
          const view = new Map(server);
          for (const [key, item] of local) {
            if (item === null) view.delete(key);
            else view.set(key, item);
          }
          for (const asked of queries) {
            const conditions = [
              ...(asked.above === null ? [] : [`stock > ${asked.above}`]),
              ...(asked.isShort ? ["filler = 'x'"] : []),
            ];
            const filter = conditions.length === 0 ? null : parseFilter(conditions.join(' AND '));
            const { orderBy: text, limit, offset, status } = asked;
            const orderBy = parseOrderBy(text, { types: theTable().columnTypes, table: 'items' });
            const found = await findKeys(database, base, theTable(), { filter, params: {}, status });
            const page = await readList(database, base, theTable(), {
              ...{ filter, params: {}, orderBy, limit, offset, status },
            });
            const expected = naive(view, new Set(local.keys()), asked);
            const shown = expected.slice(offset, limit === null ? undefined : offset + limit);
            expect(page.texts).toEqual(shown.map((item) => JSON.stringify(item)));
            expect(page.total).toBe(expected.length);
            expect(found).toEqual(expected.map((item) => item.id).sort());
            expect(page.notSynchronized).toBe(expected.filter((item) => local.has(item.id)).length);
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);

  it('reads only what was changed or marked where nothing else can match, however large the table is (K-10)', async () => {
    const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
    const item = (index: number): Item => {
      return { id: `k${String(index).padStart(3, '0')}`, stock: index, name: 'a', filler: 'x'.repeat(9000) };
    };
    const base = createBase();
    // Some fifty leaves, which a query reads in two transactions.
    await download(
      database,
      base,
      true,
      Array.from({ length: 300 }, (_value, index) => item(index)),
      [],
    );
    for (const index of [250, 7, 500]) await write(database, base, item(index).id, { ...item(index), name: 'changed' });
    const marking = { filter: parseFilter('stock = 100'), params: {}, includeDeleted: false };
    await setStatus(database, base, theTable(), { status: 'not-synchronized', query: marking });
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction');
    const plain = { filter: null, params: {}, orderBy: [], limit: 3, offset: 0 };
    const list = await readList(database, createBase(), theTable(), { ...plain, status: 'not-synchronized' });
    const transactions = spy.mock.calls.length;
    spy.mockRestore();
    expect(list).toMatchObject({ total: 4, notClean: [{ key: 'k007' }, { key: 'k100' }, { key: 'k250' }] });
    // The text of what is marked came with its leaf.
    expect(transactions).toBe(2);
  });
});
