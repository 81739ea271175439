import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createBase, type Base } from '../../sw/store/base.ts';
import { mergeSegments, sweepTable, wantsMerging } from '../../sw/store/compaction.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { HeadRow } from '../../sw/store/base-rows.ts';
import { readList } from '../../sw/store/list.ts';
import { readView } from '../../sw/store/view.ts';
import { download, theTable, write, type Item } from './store-fixture.ts';

const keyOf = (index: number): string => `k${String(index).padStart(5, '0')}`;

/** So large that a leaf holds ten: 300 of them are some four slices of a merge. */
function item(index: number, name: string): Item {
  return { id: keyOf(index), stock: index, name, filler: 'x'.repeat(6_000) };
}

interface Store {
  readonly database: Database;
  readonly base: Base;
  /** The view that every read must give. */
  readonly expected: ReadonlyMap<string, Item>;
}

/** 300 records in leaves, deltas over them, and local changes over those. */
async function makeStore(): Promise<Store> {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  const base = createBase();
  const expected = new Map<string, Item>();
  const put = (each: Item): Item => {
    expected.set(each.id, each);
    return each;
  };
  const first = Array.from({ length: 300 }, (_value, index) => put(item(index * 2, 'leaf')));
  await download(database, base, true, first, []);
  for (let round = 0; round < 5; round += 1) {
    const changed = Array.from({ length: 20 }, (_value, index) => put(item(round + index * 29, `delta ${round}`)));
    const removed = [keyOf(round * 4 + 100), keyOf(round * 4 + 400)];
    for (const key of removed) expected.delete(key);
    await download(
      database,
      base,
      false,
      changed.filter(({ id }) => !removed.includes(id)),
      removed,
    );
  }
  await write(database, base, keyOf(3), put(item(3, 'local')));
  await write(database, base, keyOf(10), null);
  expected.delete(keyOf(10));
  return { database, base, expected };
}

async function headOf({ database, base }: Store): Promise<HeadRow> {
  return database.read(['heads'], (tx) => base.readHead(tx, 'items'));
}

/** One list and some records, compared with what they must be. */
async function check({ database, base, expected }: Store, round: number): Promise<void> {
  const list = await readList(database, base, theTable(), {
    ...{ filter: null, params: {}, orderBy: [], limit: null, offset: 0, status: null },
  });
  const sorted = [...expected.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(list.texts).toEqual(sorted.map((each) => JSON.stringify(each)));
  for (let index = round; index < 600; index += 97) {
    const key = keyOf(index);
    const view = await readView(database, base, 'items', key);
    const record = expected.get(key);
    expect(view.text).toBe(record === undefined ? null : JSON.stringify(record));
  }
}

async function stored({ database }: Store): Promise<Record<string, number>> {
  return database.read(['leaves', 'vectors', 'segments', 'roots'], async (tx) => {
    const [leaves, vectors, segments, roots] = await Promise.all([
      tx.objectStore('leaves').count(),
      tx.objectStore('vectors').count(),
      tx.objectStore('segments').count(),
      tx.objectStore('roots').count(),
    ]);
    return { leaves, vectors, segments, roots };
  });
}

describe('merging segments into leaves (SPEC L-7, L-8)', () => {
  it('changes nothing for those who read meanwhile, and leaves no piece behind that nobody names', async () => {
    const store = await makeStore();
    // Another worker's memory, as during an update, with the old root in it.
    const other: Store = { ...store, base: createBase() };
    await check(store, 0);
    await check(other, 0);
    expect((await headOf(store)).segments.length).toBe(5);
    let isDone = false;
    const read = async (reader: Store): Promise<number> => {
      let round = 0;
      while (!isDone) {
        round += 1;
        await check(reader, round);
      }
      return round;
    };
    const readers = [read(store), read(other)];
    expect(await mergeSegments(store.database, store.base, theTable(), () => false)).toBe('merged');
    await sweepTable(store.database, store.base, 'items');
    isDone = true;
    for (const rounds of await Promise.all(readers)) expect(rounds).toBeGreaterThan(0);
    await check(store, 1);
    await check(other, 1);
    const head = await headOf(store);
    expect(head.segments).toEqual([]);
    const { leaves, vectors, segments, roots } = await stored(store);
    const root = await store.database.read(['heads', 'roots'], (tx) => store.base.readRoot(tx, head));
    expect({ leaves, vectors, segments, roots }).toEqual({
      ...{ leaves: root?.counts.length, vectors: root?.counts.length, segments: 0, roots: 2 },
    });
  });

  it('that yields to a run in any slice changes nothing, and is done by the next one', async () => {
    for (let slices = 0; slices < 5; slices += 1) {
      const store = await makeStore();
      const before = await headOf(store);
      let looked = 0;
      const outcome = await mergeSegments(store.database, store.base, theTable(), () => (looked += 1) > slices);
      if (outcome === 'yielded') expect(await headOf(store)).toEqual(before);
      await check(store, slices);
      await sweepTable(store.database, store.base, 'items');
      await check(store, slices);
      expect(await mergeSegments(store.database, store.base, theTable(), () => false)).toBe('merged');
      await sweepTable(store.database, store.base, 'items');
      await check(store, slices);
    }
  });

  it('keeps segments that came meanwhile', async () => {
    const store = await makeStore();
    const late: Promise<void>[] = [];
    await mergeSegments(store.database, store.base, theTable(), () => {
      if (late.length === 0) late.push(download(store.database, store.base, false, [item(8, 'late')], []));
      return false;
    });
    await Promise.all(late);
    expect((await headOf(store)).segments).toHaveLength(1);
    await check({ ...store, expected: new Map(store.expected).set(keyOf(8), item(8, 'late')) }, 2);
  });

  it('gives way to a full download that was switched meanwhile', async () => {
    const store = await makeStore();
    const fresh = Array.from({ length: 50 }, (_value, index) => item(index, 'fresh'));
    const switched: Promise<void>[] = [];
    let looked = 0;
    await mergeSegments(store.database, store.base, theTable(), () => {
      if (switched.length === 0) switched.push(download(store.database, store.base, true, fresh, []));
      looked += 1;
      return false;
    });
    await Promise.all(switched);
    expect(looked).toBeGreaterThan(1);
    await sweepTable(store.database, store.base, 'items');
    const expected = new Map(fresh.map((each) => [each.id, each]));
    expected.set(keyOf(3), item(3, 'local'));
    expected.delete(keyOf(10));
    await check({ ...store, expected }, 3);
  });

  it('finds that the server counted other records, so that the next run downloads all (SPEC L-5)', async () => {
    const store = await makeStore();
    const { database, base } = store;
    const set = async (expectedCount: number): Promise<HeadRow> => {
      await database.write(['heads'], async (tx) => {
        await tx.objectStore('heads').put({ ...(await base.readHead(tx, 'items')), cursor: 'c', expectedCount });
      });
      await mergeSegments(database, base, theTable(), () => false);
      return headOf(store);
    };
    const root = await (async () => {
      await mergeSegments(database, base, theTable(), () => false);
      const head = await headOf(store);
      return database.read(['heads', 'roots'], (tx) => base.readRoot(tx, head));
    })();
    const count = root?.counts.reduce((sum, leaf) => sum + leaf, 0) ?? 0;
    expect(await set(count)).toMatchObject({ cursor: 'c' });
    expect(await set(count + 1)).toMatchObject({ cursor: null, expectedCount: null });
    await check(store, 4);
  });

  it('is wanted when there are many segments, or many records in them', () => {
    const head = (segments: HeadRow['segments']): HeadRow => ({
      ...{
        table: 'items',
        generation: 1,
        root: null,
        segments,
        cursor: null,
        cursorFor: '',
        complete: true,
        whole: true,
      },
      ...{ downloadedAt: 0, marks: 0, sendMarks: 0, holdMarks: 0, expectedCount: null },
    });
    const some = (count: number, records: number): HeadRow['segments'] =>
      Array.from({ length: count }, (_value, id) => ({ id, records, removals: 0 }));
    expect([head([]), head(some(12, 10)), head(some(1, 4096))].map(wantsMerging)).toEqual([false, false, false]);
    expect([head(some(13, 1)), head(some(2, 2049))].map(wantsMerging)).toEqual([true, true]);
  });
});
