import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { isMutationId, type RecordKey } from '../../sw/protocol/record.ts';
import { fingerprint } from '../../sw/router/identity.ts';
import { createBase, untilUnmoved, type Base } from '../../sw/store/base.ts';
import { createDatabase, StaleReadError, type Database } from '../../sw/store/database.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
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
