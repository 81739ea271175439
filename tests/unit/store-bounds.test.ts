import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../sw/filter/index.ts';
import { createBase, type Base } from '../../sw/store/base.ts';
import { mergeSegments } from '../../sw/store/compaction.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { RootBounds, RootRow } from '../../sw/store/base-rows.ts';
import { readList } from '../../sw/store/list.ts';
import { getMeta } from '../../sw/store/meta.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import type { Schema, Table } from '../../sw/store/schema.ts';
import { upgradeSchema } from '../../sw/store/schema-version.ts';
import { download, type Item, theTable, write } from './store-fixture.ts';

const inLeaf = 6;
const leaves = 10;

/** The stock grows with the key, so each leaf has a stretch of it; six records fill a leaf. */
function item(index: number, stock: number | null = index): Item {
  return { id: `k${String(index).padStart(4, '0')}`, stock, name: 'n', filler: 'x'.repeat(9500) };
}

class Store {
  readonly database: Database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  readonly #base: Base = createBase();
  #looked = new Set<number>();

  static async filled(): Promise<Store> {
    const store = new Store();
    await store.download(
      true,
      Array.from({ length: inLeaf * leaves }, (_value, index) => item(index)),
    );
    expect((await store.root()).counts).toHaveLength(leaves);
    return store;
  }

  download(full: boolean, items: readonly Item[], removals: readonly string[] = []): Promise<void> {
    return download(this.database, this.#base, full, items, removals);
  }

  merge(): Promise<unknown> {
    return mergeSegments(this.database, this.#base, theTable(), () => false);
  }

  write(index: number, content: Item | null): Promise<void> {
    return write(this.database, this.#base, item(index).id, content);
  }

  knownBounds(): Promise<RootBounds> {
    return this.database.read(['heads', 'roots'], async (tx) =>
      this.#base.readBounds(tx, await this.#base.readHead(tx, 'items'), ['stock']),
    );
  }

  async upgrade(schema: Schema): Promise<void> {
    const noted = await this.database.read(['meta'], (tx) => getMeta(tx, 'schema'));
    const context = { database: this.database, base: this.#base, migrate: null, user: 'ana', newId: randomUUID };
    await upgradeSchema({ ...context, now: () => 0, schema, noted });
  }

  root(): Promise<RootRow> {
    return this.database.read(['heads', 'roots'], async (tx) => {
      const root = await this.#base.readRoot(tx, await this.#base.readHead(tx, 'items'));
      if (root === null) throw new Error('no root');
      return root;
    });
  }

  /** Who matches, and which leaves were looked into for that: their records, or their vectors. */
  async count(
    filter: string,
    table: Table = theTable(),
  ): Promise<{ readonly total: number; readonly looked: readonly number[] }> {
    this.#looked = new Set();
    // A new one each time has nothing in memory.
    const base = createBase();
    const counting: Base = {
      ...base,
      readLeaf: (tx, name, root, index) => {
        this.#looked.add(index);
        return base.readLeaf(tx, name, root, index);
      },
      readVectors: (tx, name, root, index) => {
        this.#looked.add(index);
        return base.readVectors(tx, name, root, index);
      },
    };
    const query = { filter: parseFilter(filter), params: {}, orderBy: [], limit: 0, offset: 0, status: null };
    const { total } = await readList(this.database, counting, table, query);
    return { total, looked: [...this.#looked].sort((a, b) => a - b) };
  }

  /** The least and greatest stock of each leaf, as its records have it, and as the root says. */
  async bounds(): Promise<{ readonly real: readonly unknown[]; readonly stored: readonly unknown[] }> {
    const root = await this.root();
    const real = await this.database.read(['leaves'], (tx) =>
      Promise.all(
        root.counts.map(async (_count, index) => {
          const { text } = await createBase().readLeaf(tx, 'items', root, index);
          const records: unknown = JSON.parse(`[${text}]`);
          const stocks = (Array.isArray(records) ? records : []).map((record: unknown): unknown =>
            Reflect.get(Object(record), 'stock'),
          );
          const numbers = stocks.filter((stock) => typeof stock === 'number');
          return { min: Math.min(...numbers), max: Math.max(...numbers), hasNull: numbers.length < stocks.length };
        }),
      ),
    );
    return { real, stored: (await this.knownBounds())['stock'] ?? [] };
  }
}

describe('an indexed column', () => {
  it('lets leaves be skipped in which no record can match', async () => {
    const store = await Store.filled();
    expect(await store.count('stock = 33')).toEqual({ total: 1, looked: [5] });
    expect(await store.count('stock BETWEEN 10 AND 14')).toEqual({ total: 5, looked: [1, 2] });
    expect(await store.count('stock > 57')).toEqual({ total: 2, looked: [9] });
    expect(await store.count('stock IS NULL OR stock > 1000')).toEqual({ total: 0, looked: [] });
    expect(await store.count('NOT stock >= 6')).toEqual({ total: 6, looked: [0] });
    expect((await store.count("name = 'n' AND stock < 3")).looked).toEqual([0]);
    expect((await store.count("name = 'm'")).looked).toHaveLength(leaves);
  });

  it('skips them under edits, deletes and creates that the server does not have yet', async () => {
    const store = await Store.filled();
    for (let leaf = 0; leaf < leaves; leaf += 1) await store.write(leaf * inLeaf + 2, item(leaf * inLeaf + 2, 2000));
    await store.write(100, item(100, 33));
    await store.write(34, null);
    expect(await store.count('stock = 33')).toEqual({ total: 2, looked: [5] });
    expect(await store.count('stock = 34')).toEqual({ total: 0, looked: [5] });
    // What matches is in the changes alone.
    expect(await store.count('stock = 2000')).toEqual({ total: leaves, looked: [] });
  });

  it('skips them under what a delta brought, before and after it is merged into the leaves', async () => {
    const store = await Store.filled();
    await store.download(false, [item(3, 33), item(59, 59.5), item(200, 7)], [item(33).id, item(12).id]);
    for (const merged of [false, true]) {
      if (merged) await store.merge();
      expect((await store.count('stock = 33')).total).toBe(1);
      expect((await store.count('stock = 12')).total).toBe(0);
      expect(await store.count('stock BETWEEN 40 AND 41')).toEqual({ total: 2, looked: [6] });
    }
    const { real, stored } = await store.bounds();
    expect(stored).toEqual(real);
  });

  it('that has another type now is looked for in every leaf: its bounds are of the old one', async () => {
    const store = await Store.filled();
    const versions = (['number', 'string'] as const).map((type, index) =>
      parseSchema(index + 1, { items: { path: '/items', key: 'id', columns: { stock: { type, index: true } } } }),
    );
    for (const schema of versions) await store.upgrade(schema);
    const table = versions[1]?.tables.get('items');
    expect(await store.count("stock LIKE '3%'", table)).toMatchObject({ total: 11 });
    expect(await store.count("stock BETWEEN '5' AND '51'", table)).toMatchObject({ total: 3 });
    expect((await store.bounds()).stored).toEqual([]);
  });

  it('has bounds as tight as its records after every merge, however often they were edited', async () => {
    const store = await Store.filled();
    for (let round = 0; round < 6; round += 1) {
      // Values go far up, are NULL, and come back: bounds that only ever widen would not follow.
      const far = [item(round, 5000), item(20 + round, null), item(40 + round, -5000)];
      await store.download(false, far, [item(50 + round).id]);
      await store.merge();
      const wide = await store.bounds();
      expect(wide.stored).toEqual(wide.real);
      await store.download(false, [item(round), item(20 + round), item(40 + round)]);
      await store.merge();
      const { real, stored } = await store.bounds();
      expect(stored).toEqual(real);
      expect(await store.count('stock < 0 OR stock > 4000 OR stock IS NULL')).toEqual({ total: 0, looked: [] });
      expect((await store.count('stock = 30')).looked).toHaveLength(1);
    }
  });
});
