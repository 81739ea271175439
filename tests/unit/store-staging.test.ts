import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBase, type Base } from '../../sw/store/base.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { StagedRow } from '../../sw/store/run-rows.ts';
import { takeNumbers } from '../../sw/store/meta.ts';
import { emptyRoot } from '../../sw/store/leaf-builder.ts';
import {
  createStaging,
  openStaging,
  readStagedRoot,
  segmentOf,
  switchedHead,
  type Staging,
} from '../../sw/store/staging.ts';
import { readList } from '../../sw/store/list.ts';
import { download, journal, theTable, type Item } from './store-fixture.ts';

function open(name: string = randomUUID()): { readonly database: Database; readonly base: Base } {
  return { database: createDatabase({ name, signal: new AbortController().signal }), base: createBase() };
}

/** So large that a leaf holds ten, and a transaction of a download some hundred and sixty. */
function item(index: number, name = 'first'): Item {
  return { id: `k${String(index).padStart(5, '0')}`, stock: index, name, filler: 'x'.repeat(6_000) };
}

function items(count: number, name?: string): Item[] {
  return Array.from({ length: count }, (_value, index) => item(index, name));
}

function parsed(list: readonly Item[]): Parameters<Staging['addRecords']>[0] {
  return list.map((fields) => ({ key: fields.id, version: '1', text: JSON.stringify(fields), fields: { ...fields } }));
}

async function names(database: Database, base: Base): Promise<readonly string[]> {
  const query = { filter: null, params: {}, orderBy: [], limit: null, offset: 0, status: null };
  const { texts } = await readList(database, base, theTable(), query);
  return texts.map((text) => {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('id' in value && 'name' in value)) throw new Error('no item');
    return `${String(value.id)} ${String(value.name)}`;
  });
}

const named = (list: readonly Item[]): string[] => list.map(({ id, name }) => `${id} ${name}`);

async function begin(database: Database, base: Base, full = true, isAsked = false): Promise<Staging> {
  const head = await database.read(['heads'], (tx) => base.readHead(tx, 'items'));
  const row = await openStaging(database, head, { full, snapshot: 's' });
  return createStaging({ database, table: theTable(), row, root: emptyRoot, journal, isAsked: () => isAsked });
}

function keysOf(database: Database, store: 'leaves' | 'roots'): Promise<readonly IDBValidKey[]> {
  return database.read([store], (tx) => tx.objectStore(store).getAllKeys());
}

/** What a worker that starts after another was stopped finds of its download. */
async function found(database: Database): Promise<StagedRow> {
  const row = await database.read(['runs'], (tx) => tx.objectStore('runs').get('staged:items'));
  if (row === undefined || !('generation' in row)) throw new Error('nothing is staged');
  return row;
}

async function switchHeads(database: Database, base: Base, row: StagedRow): Promise<void> {
  await database.write(['heads', 'runs'], async (tx) => {
    await tx.objectStore('heads').put(switchedHead(await base.readHead(tx, 'items'), row, 1));
    await tx.objectStore('runs').delete(row.id);
  });
}

/** What an acknowledgement does to the base: the server's copies as a segment, named by the head. */
async function acknowledge(database: Database, base: Base, list: readonly Item[]): Promise<void> {
  await database.write(['heads', 'segments', 'meta'], async (tx) => {
    const id = await takeNumbers(tx, 'number', 1);
    const head = await base.readHead(tx, 'items');
    const value = segmentOf(new Map(parsed(list).map((record) => [record.key, record])));
    await tx.objectStore('segments').put(value, ['items', id]);
    const segments = [...head.segments, { id, records: list.length, removals: 0 }];
    await tx.objectStore('heads').put({ ...head, generation: head.generation + 1, segments });
  });
}

const end = (count: number): NonNullable<StagedRow['end']> => ({ cursor: 'c', count, cursorFor: '' });

describe('a staged download', () => {
  it('shows nothing before the switch, and all of it after (invariant 5, SPEC L-2)', async () => {
    const { database, base } = open();
    await download(database, base, true, items(30), []);
    const staging = await begin(database, base);
    const next = items(200, 'second').filter((_item, index) => index % 3 > 0);
    await staging.addRecords(parsed(next));
    expect(await names(database, base)).toEqual(named(items(30)));
    await staging.end(end(next.length));
    expect(await names(database, base)).toEqual(named(items(30)));
    await switchHeads(database, base, staging.row);
    expect(await names(database, base)).toEqual(named(next));
  });

  it('goes on behind its last stored piece, wherever the worker was stopped (D-04, SPEC L-1)', async () => {
    const all = items(400);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 3 }), async (stops) => {
        const name = randomUUID();
        let { database, base } = open(name);
        let staging = await begin(database, base);
        let fetched = 0;
        let most = 0;
        for (const stop of [...stops].sort((a, b) => a - b)) {
          // The next worker knows what is stored, and nothing else.
          const { lastKey } = staging.row;
          const rest = all.filter(({ id }) => lastKey === null || id > lastKey).slice(0, stop);
          for (let start = 0; start < rest.length; start += 50)
            await staging.addRecords(parsed(rest.slice(start, start + 50)));
          await staging.settled();
          fetched += rest.length;
          most = Math.max(most, rest.length);
          database.close();
          ({ database, base } = open(name));
          const row = await found(database);
          const root = await readStagedRoot(database, row);
          staging = createStaging({ database, table: theTable(), row, root, journal });
        }
        const { lastKey, downloaded } = staging.row;
        if (most >= 200) expect(lastKey).not.toBeNull();
        expect(downloaded).toBeLessThanOrEqual(fetched);
        await staging.addRecords(parsed(all.filter(({ id }) => lastKey === null || id > lastKey)));
        await staging.end(end(all.length));
        await switchHeads(database, base, await found(database));
        expect(await names(database, base)).toEqual(named(all));
        database.close();
      }),
      { numRuns: 25 },
    );
  });

  it('keeps what was acknowledged after it began, over its own copies (D-03, SPEC L-2)', async () => {
    const { database, base } = open();
    await download(database, base, true, items(10), []);
    await acknowledge(database, base, [item(1, 'before')]);
    const staging = await begin(database, base);
    await acknowledge(database, base, [item(2, 'after'), item(90, 'after')]);
    await staging.addRecords(parsed(items(10, 'second')));
    await staging.end(end(10));
    await switchHeads(database, base, staging.row);
    const expected = items(10, 'second').map((each) => (each.id === item(2).id ? item(2, 'after') : each));
    expect(await names(database, base)).toEqual(named([...expected, item(90, 'after')]));
  });

  it('that is a delta goes over all that is there, the last word on each record counting (D-02)', async () => {
    const { database, base } = open();
    await download(database, base, true, items(10), []);
    await acknowledge(database, base, [item(1, 'acknowledged')]);
    const staging = await begin(database, base, false);
    await staging.addChanges(parsed([item(1, 'delta'), item(20, 'delta'), item(3, 'delta')]), [item(4).id]);
    await staging.addChanges(parsed([item(4, 'again')]), [item(3).id, item(99).id]);
    await staging.end(end(10));
    await switchHeads(database, base, staging.row);
    const kept = items(10)
      .filter((each) => each.id !== item(3).id)
      .map((each) => {
        if (each.id === item(1).id) return item(1, 'delta');
        return each.id === item(4).id ? item(4, 'again') : each;
      });
    expect(await names(database, base)).toEqual(named([...kept, item(20, 'delta')]));
  });

  it('takes records in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(items(30), { minLength: 1 }), async (list) => {
        const { database, base } = open();
        const staging = await begin(database, base);
        await staging.addRecords(parsed(list));
        await staging.end(end(list.length));
        await switchHeads(database, base, staging.row);
        expect(await names(database, base)).toEqual(named([...list].sort((a, b) => (a.id < b.id ? -1 : 1))));
        database.close();
      }),
      { numRuns: 25 },
    );
  });

  it('stores what each piece adds to the root, and the root itself at the end', async () => {
    const { database, base } = open();
    const staging = await begin(database, base);
    await staging.addRecords(parsed(items(500)));
    await staging.settled();
    const row = await found(database);
    const { generation } = row;
    const root = await readStagedRoot(database, row);
    expect(row.leaves).toBe(48);
    expect(root.numbers).toEqual(Array.from({ length: 48 }, (_value, index) => index));
    expect(root.bounds['stock']).toHaveLength(48);
    expect(await keysOf(database, 'roots')).toEqual([0, 16, 32].map((first) => ['items', generation, first]));
    await staging.end(end(500));
    expect(await keysOf(database, 'roots')).toEqual([
      ['items', generation],
      ['items', generation, 'bounds'],
    ]);
  });

  it('is stored in small pieces while pages ask, so that none of them waits for a large one', async () => {
    const { database, base } = open();
    const quiet = await begin(database, base);
    await quiet.addRecords(parsed(items(100)));
    await quiet.settled();
    expect(await keysOf(database, 'leaves')).toHaveLength(0);
    const asked = await begin(database, base, true, true);
    await asked.addRecords(parsed(items(100)));
    await asked.settled();
    expect(await keysOf(database, 'leaves')).toHaveLength(10);
  });

  it('tells whoever ends it that a piece could not be stored', async () => {
    const { database, base } = open();
    const staging = await begin(database, base);
    database.close();
    await staging.addRecords(parsed(items(10)));
    await expect(staging.end(end(10))).rejects.toMatchObject({ code: 'storage' });
    await staging.settled();
  });
});
