import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { isMutationId, type RecordKey } from '../../sw/protocol/record.ts';
import { fingerprint } from '../../sw/router/identity.ts';
import { createBase, untilUnmoved, type Base } from '../../sw/store/base.ts';
import { createDatabase, StaleReadError, type Database } from '../../sw/store/database.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { getMeta, readSeqState, takeNumbers } from '../../sw/store/meta.ts';
import type { RecordWrite, WriteResult } from '../../sw/store/record-write.ts';
import { writeRecord } from '../../sw/store/write.ts';

interface Store {
  readonly database: Database;
  readonly base: Base;
}

function open(name: string = randomUUID()): Store {
  return { database: createDatabase({ name, signal: new AbortController().signal }), base: createBase() };
}

function write(store: Store, key: RecordKey, more: Partial<RecordWrite> = {}): Promise<WriteResult> {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  const content = (view: string | null): string => `${view ?? ''}+`;
  const record = { table: 'visits', key, operation: 'put', content, keyIsNew: false, fetched: null } as const;
  return writeRecord(store.database, store.base, { ...record, mutationId, schema: 1, ...more }, 1000);
}

function changes({ database }: Store): Promise<ChangeRow[]> {
  return database.read(['changes'], (tx) => tx.objectStore('changes').getAll());
}

/** Every record has this text from now on. */
async function download({ database }: Store, text: string): Promise<void> {
  await database.write(['heads', 'segments', 'meta'], async (tx) => {
    const heads = tx.objectStore('heads');
    const old = await createBase().readHead(tx, 'visits');
    const id = await takeNumbers(tx, 'number', 1);
    const keys = ['a', 'b', 'c'];
    const segment = { keys, versions: text, text: keys.map(() => text).join(','), removed: [] };
    const ends = Uint32Array.from(keys, (_key, index) => (index + 1) * (text.length + 1) - 1);
    await tx.objectStore('segments').put({ ...segment, ends }, ['visits', id]);
    const segments = [{ id, records: keys.length, removals: 0 }];
    await heads.put({ ...old, generation: old.generation + 1, segments, complete: true, whole: true });
  });
}

/** How many transactions a piece of work starts. */
async function transactions(work: () => Promise<unknown>): Promise<number> {
  const spy = vi.spyOn(IDBDatabase.prototype, 'transaction');
  try {
    await work();
    return spy.mock.calls.length;
  } finally {
    spy.mockRestore();
  }
}

describe('a write that guesses what it rests on', () => {
  it('takes one transaction once the table is known, and gives every write its own number', async () => {
    const store = open();
    await write(store, 'a');
    await write(store, 'b');
    expect(await transactions(() => write(store, 'c'))).toBe(1);
    expect((await changes(store)).map((row) => row.seq)).toEqual([1, 2, 3]);
  });

  it('looks again where another worker wrote the same record: nothing is written over', async () => {
    const name = randomUUID();
    const [ours, theirs] = [open(name), open(name)];
    await write(ours, 'a');
    await write(theirs, 'b');
    await write(ours, 'b');
    const rows = await changes(ours);
    expect(rows.map((row) => [row.key, row.text, row.seq])).toEqual([
      ['a', '+', 1],
      ['b', '++', 2],
    ]);
  });

  it('amends the change that is there already', async () => {
    const store = open();
    await write(store, 'a');
    await write(store, 'b');
    await write(store, 'b');
    expect((await changes(store)).map((row) => row.text)).toEqual(['+', '++']);
  });

  it('gives no number twice where two workers write in turn', async () => {
    const name = randomUUID();
    const [ours, theirs] = [open(name), open(name)];
    for (const [store, key] of [
      [ours, 'a'],
      [theirs, 'b'],
      [ours, 'c'],
      [ours, 'd'],
      [theirs, 'e'],
    ] as const) {
      await write(store, key);
    }
    expect((await changes(ours)).map((row) => row.seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it('rests on the base as it is now, not on what memory has of it', async () => {
    const store = open();
    await download(store, 'server');
    await write(store, 'a');
    await write(store, 'b');
    await download(store, 'another');
    await write(store, 'c');
    expect((await changes(store)).map((row) => row.text)).toEqual(['server+', 'server+', 'another+']);
  });

  it('is noticed by whoever reads the changes in slices (K-S2)', async () => {
    const store = open();
    await write(store, 'a');
    const stamps: unknown[] = [];
    for (const key of ['b', 'c', 'c']) {
      stamps.push(await store.database.read(['meta'], (tx) => getMeta(tx, 'changesStamp')));
      await write(store, key);
    }
    stamps.push(await store.database.read(['meta'], (tx) => getMeta(tx, 'changesStamp')));
    expect(new Set(stamps).size).toBe(4);
  });

  it('refuses what exists only after it looked', async () => {
    const name = randomUUID();
    const [ours, theirs] = [open(name), open(name)];
    await write(ours, 'a');
    await write(theirs, 'b');
    expect(await write(ours, 'b', { operation: 'create' })).toEqual({ type: 'refused', code: 'exists' });
    expect(await changes(ours)).toHaveLength(2);
  });

  it('loses none of many that come at once, from two workers', async () => {
    const name = randomUUID();
    const [ours, theirs] = [open(name), open(name)];
    await Promise.all(
      Array.from({ length: 40 }, (_value, index) => write(index % 2 === 0 ? ours : theirs, `k${index % 25}`)),
    );
    const rows = await changes(ours);
    expect(rows.map((row) => row.text?.length).reduce((sum, length = 0) => (sum ?? 0) + length, 0)).toBe(40);
    expect(new Set(rows.map((row) => row.seq)).size).toBe(25);
  });
});

/** A click of a page, met by one incarnation of the worker. */
function click(incarnation: string, text: string): Pick<RecordWrite, 'request' | 'answer'> {
  const hash = `tab:${text}`;
  return {
    request: { hash, explicit: false, bodyHash: text, dispatch: randomUUID(), incarnation },
    answer: () => ({ status: 201, body: text, location: null }),
  };
}

describe('the request of a guessed write (SPEC Q-1)', () => {
  async function clicked(count: number): Promise<Store & { readonly again: (index: number) => Promise<WriteResult> }> {
    const store = open();
    await write(store, 'first', click('one', 'first'));
    for (let index = 0; index < count; index += 1) await write(store, `k${index}`, click('one', `body ${index}`));
    const next = { database: store.database, base: createBase() };
    return { ...store, again: (index) => write(next, `k${index}`, click('two', `body ${index}`)) };
  }

  it.each([1, 3, 4, 6, 20])(
    'is known to the next worker as one of %i that came at once, and serves once',
    async (count) => {
      const { again } = await clicked(count);
      for (let index = 0; index < count; index += 1) {
        expect(await again(index)).toMatchObject({ type: 'repeated', row: { body: `body ${index}` } });
      }
      for (let index = 0; index < count; index += 1) expect((await again(index)).type).toBe('stored');
    },
  );

  it('is known also where another write took the long way meanwhile', async () => {
    const { database, base, again } = await clicked(2);
    await write({ database, base }, 'k0', click('one', 'an edit'));
    await write({ database, base }, 'k9', click('one', 'body 9'));
    for (const index of [0, 1, 9]) expect((await again(index)).type).toBe('repeated');
  });

  it('is known though a worker that lives wrote on without it', async () => {
    const { database, base, again } = await clicked(2);
    await write({ database, base: createBase() }, 'other', click('three', 'other'));
    await write({ database, base }, 'k5', click('one', 'body 5'));
    for (const index of [0, 1, 5]) expect((await again(index)).type).toBe('repeated');
  });

  it('is left out by the next write once its answer was handed over', async () => {
    const { database, base, again } = await clicked(3);
    const { requests } = await database.read(['meta'], readSeqState);
    for (const row of requests)
      if (row.body !== 'body 1') expect(base.recent.requests.forget(row.fingerprint)).toBe(true);
    await write({ database, base }, 'k3', click('one', 'body 3'));
    const left = await database.read(['meta'], readSeqState);
    expect(left.requests.map((row) => row.body)).toEqual(['body 1', 'body 3']);
    for (const [index, type] of [
      [0, 'stored'],
      [1, 'repeated'],
      [2, 'stored'],
      [3, 'repeated'],
    ] as const) {
      expect((await again(index)).type).toBe(type);
    }
  });
});

describe('a read that moved', () => {
  it('is started again, from within a transaction too', async () => {
    const { database } = open();
    let attempts = 0;
    const value = await untilUnmoved(() =>
      database.read(['meta'], async (tx) => {
        attempts += 1;
        await tx.objectStore('meta').count();
        if (attempts < 3) throw new StaleReadError('a leaf is missing');
        return 'read';
      }),
    );
    expect([value, attempts]).toEqual(['read', 3]);
  });
});

describe('the fingerprint of a request', () => {
  it('differs in both halves for requests that differ in little', () => {
    const halves = [new Set<string>(), new Set<string>()];
    const texts = Array.from({ length: 100_000 }, (_value, index) => `POST /api/visits\n{"id":"v${index}","rating":3}`);
    for (const text of texts) {
      const print = fingerprint(text);
      halves[0]?.add(print.slice(0, 16));
      halves[1]?.add(print.slice(16));
    }
    expect(halves.map((half) => half.size)).toEqual([100_000, 100_000]);
  });
});
