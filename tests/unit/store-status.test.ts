import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { toFilterTree } from '../../sw/filter/index.ts';
import type { RecordKey } from '../../sw/protocol/record.ts';
import type { SyncStatus } from '../../sw/protocol/status.ts';
import { createBase, type Base } from '../../sw/store/base.ts';
import { countByTable, countPending, countScope } from '../../sw/store/counts.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import { readList } from '../../sw/store/list.ts';
import { readMarks } from '../../sw/store/marks.ts';
import { setStatus } from '../../sw/store/set-status.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { readView } from '../../sw/store/view.ts';
import { download, type Item, schema, theTable, write } from './store-fixture.ts';

const item = (id: string, stock: number): Item => ({ id, stock, name: `item ${id}`, filler: '' });

class Store {
  readonly database: Database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  readonly base: Base = createBase();

  static async with(...items: readonly Item[]): Promise<Store> {
    const store = new Store();
    await download(store.database, store.base, true, items, []);
    return store;
  }

  set(status: SyncStatus, filter: string | object, includeDeleted = false, database = this.database): Promise<number> {
    const tree = toFilterTree(filter, { types: theTable().columnTypes, table: 'items' });
    const source = typeof filter === 'string' ? { source: filter } : {};
    const query = { filter: tree, params: {}, includeDeleted, ...source };
    return setStatus(database, this.base, theTable(), { status, query }).then(({ count }) => count);
  }

  write(key: string, content: Item | null): Promise<void> {
    return write(this.database, this.base, key, content);
  }

  async details(...keys: readonly string[]): Promise<readonly string[]> {
    return Promise.all(keys.map(async (key) => (await readView(this.database, this.base, 'items', key)).detail));
  }

  async held(): Promise<readonly RecordKey[]> {
    return this.database.read(['heads', 'marks'], async (tx) =>
      readMarks(tx, this.base, await this.base.readHead(tx, 'items'), 'hold'),
    );
  }

  counts(): Promise<unknown> {
    return this.database.read(countScope, async (tx) => {
      const { total, sendable, tables } = await countByTable(tx, this.base, schema);
      expect(await countPending(tx, this.base, schema)).toBe(total);
      return { total, sendable, ...tables };
    });
  }
}

describe('what is pending', () => {
  it('is counted without asking for each of many tables that have nothing', async () => {
    const store = await Store.with(item('1', 1));
    await store.write('1', item('1', 2));
    const names = Array.from({ length: 100 }, (_value, index) => `t${index}`);
    const tables = Object.fromEntries(names.map((name) => [name, { path: `/${name}`, key: 'id' }]));
    const many = parseSchema(1, { ...tables, items: { path: '/items', key: 'id' } });
    const spies = [
      vi.spyOn(IDBObjectStore.prototype, 'count'),
      vi.spyOn(IDBIndex.prototype, 'count'),
      vi.spyOn(IDBObjectStore.prototype, 'get'),
    ];
    const counts = await store.database.read(countScope, (tx) => countByTable(tx, store.base, many));
    const asked = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    expect(counts).toMatchObject({ total: 1, tables: { items: { pending: 1 } } });
    expect(asked).toBeLessThan(12);
  });
});

describe('a status set by hand', () => {
  it('is that of each record that matches, and of no other (K-02, K-03)', async () => {
    const store = await Store.with(item('a', 1), item('b', 2), item('c', 3));
    expect(await store.set('not-synchronized', 'stock >= 2')).toBe(2);
    expect(await store.details('a', 'b', 'c')).toEqual(['clean', 'pending', 'pending']);
    expect(await store.counts()).toEqual({ total: 2, sendable: 2, items: { pending: 2 } });
    expect(await store.set('synchronized', { stock: { lt: 3 } })).toBe(2);
    expect(await store.details('a', 'b', 'c')).toEqual(['clean', 'clean', 'pending']);
    expect(await store.set('synchronized', 'stock > 99')).toBe(0);
  });

  it('changes nothing when it is set again', async () => {
    const store = await Store.with(item('a', 1), item('b', 2));
    expect(await store.set('not-synchronized', 'stock = 2')).toBe(1);
    const head = (): Promise<unknown> => store.database.read(['heads'], (tx) => store.base.readHead(tx, 'items'));
    const before = await head();
    expect(await store.set('not-synchronized', 'stock = 2')).toBe(1);
    expect(await head()).toEqual(before);
  });

  it('holds a change back, keeps its value, and ends with the next edit (K-04)', async () => {
    const store = await Store.with(item('a', 1));
    await store.write('a', item('a', 7));
    await store.write('n', item('n', 8));
    expect(await store.set('synchronized', 'stock > 0')).toBe(2);
    expect(await store.details('a', 'n')).toEqual(['held', 'held']);
    expect(await store.counts()).toEqual({ total: 0, sendable: 0, items: { held: 2 } });
    await store.write('a', item('a', 9));
    expect(await store.details('a', 'n')).toEqual(['pending', 'held']);
    expect(await store.set('not-synchronized', 'stock = 8')).toBe(1);
    expect(await store.counts()).toEqual({ total: 2, sendable: 2, items: { pending: 2 } });
  });

  it('takes a hold away with a created record that is deleted (K-04)', async () => {
    const store = await Store.with();
    await store.write('n', item('n', 1));
    await store.set('synchronized', 'stock = 1');
    await store.write('n', null);
    expect(await store.held()).toEqual([]);
    expect(await store.counts()).toEqual({ total: 0, sendable: 0 });
  });

  it('leaves no hold on a created record that is deleted between finding and storing (K-04)', async () => {
    const store = await Store.with(item('a', 1));
    await store.write('n', item('n', 5));
    let raced = false;
    const racing: Database = {
      ...store.database,
      write: async (stores, work, options) => {
        if (!raced) {
          raced = true;
          await store.write('n', null);
        }
        return store.database.write(stores, work, options);
      },
    };
    expect(await store.set('synchronized', 'stock = 5', false, racing)).toBe(0);
    expect(await store.held()).toEqual([]);
  });

  it('does not hold an edit that came between and does not match any more (K-02)', async () => {
    const store = await Store.with(item('a', 1));
    await store.write('a', item('a', 5));
    let raced = false;
    const racing: Database = {
      ...store.database,
      write: async (stores, work, options) => {
        if (!raced) {
          raced = true;
          await store.write('a', item('a', 6));
        }
        return store.database.write(stores, work, options);
      },
    };
    expect(await store.set('synchronized', 'stock = 5', false, racing)).toBe(0);
    expect(await store.details('a')).toEqual(['pending']);
  });

  it('comes to an end though the table changes without a pause (K-12)', async () => {
    const store = await Store.with(item('a', 1), item('b', 2));
    let stock = 10;
    const busy: Database = {
      ...store.database,
      read: async (stores, work) => {
        await store.write('b', item('b', (stock += 1)));
        return store.database.read(stores, work);
      },
    };
    expect(await store.set('not-synchronized', 'stock = 1', false, busy)).toBe(1);
    expect(await store.details('a', 'b')).toEqual(['pending', 'pending']);
  });

  it('sees live records; deleted ones if asked, whose delete is kept or dropped (K-11)', async () => {
    const store = await Store.with(item('a', 1), item('b', 2));
    await store.write('a', null);
    expect(await store.set('synchronized', 'stock > 0')).toBe(1);
    expect(await store.details('a')).toEqual(['pending']);
    expect(await store.set('not-synchronized', 'stock = 1', true)).toBe(1);
    expect((await readView(store.database, store.base, 'items', 'a')).text).toBeNull();
    expect(await store.set('synchronized', 'stock = 1', true)).toBe(1);
    expect((await readView(store.database, store.base, 'items', 'a')).text).toBe(JSON.stringify(item('a', 1)));
    expect(await store.counts()).toEqual({ total: 0, sendable: 0 });
  });

  it('shows in lists, and lists can ask for it (K-01)', async () => {
    const store = await Store.with(item('a', 1), item('b', 2), item('c', 3));
    await store.write('c', item('c', 4));
    await store.set('not-synchronized', 'stock = 1');
    await store.set('synchronized', 'stock = 4');
    const list = (status: SyncStatus | 'held' | 'pending'): Promise<readonly string[]> =>
      readList(store.database, store.base, theTable(), {
        ...{ filter: null, params: {}, orderBy: [], limit: null, offset: 0, status },
      }).then((answer) => answer.texts);
    const [a, b, c] = [item('a', 1), item('b', 2), item('c', 4)].map((shown) => JSON.stringify(shown));
    expect(await list('not-synchronized')).toEqual([a]);
    expect(await list('pending')).toEqual([a]);
    expect(await list('held')).toEqual([c]);
    expect(await list('synchronized')).toEqual([b, c]);
  });

  it('refuses a misspelt column by the nearest, and warns of one that no record has (K-09)', async () => {
    const store = await Store.with(item('a', 1), item('b', 2));
    await expect(store.set('not-synchronized', "id > '' AND Stok IS NULL")).rejects.toMatchObject({
      code: 'filter',
      position: 12,
      details: { nearest: 'stock', caretLine: "id > '' AND Stok IS NULL\n            ^" },
    });
    expect(await store.details('a')).toEqual(['clean']);
    expect(await store.set('not-synchronized', 'elsewhere IS NULL')).toBe(2);
    expect(await store.set('synchronized', "filler = ''")).toBe(2);
  });

  it('is kept for more records than one row of marks holds', async () => {
    const many = Array.from({ length: 3000 }, (_value, index) => item(`k${String(index).padStart(5, '0')}`, index));
    const store = await Store.with(...many);
    expect(await store.set('not-synchronized', 'stock >= 0')).toBe(3000);
    expect(await store.counts()).toEqual({ total: 3000, sendable: 3000, items: { pending: 3000 } });
    await store.write('k01500', item('k01500', -1));
    await store.write('k00000', item('k00000', -1));
    expect(await store.counts()).toEqual({ total: 3000, sendable: 3000, items: { pending: 3000 } });
    expect(await store.set('synchronized', 'stock BETWEEN 10 AND 2000')).toBe(1990);
    expect(await store.details('k00009', 'k00010', 'k02000', 'k02001')).toEqual([
      'pending',
      'clean',
      'clean',
      'pending',
    ]);
  });
});
