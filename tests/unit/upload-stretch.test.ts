import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { isMutationId, isRunId } from '../../sw/protocol/record.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import type { JournalRow } from '../../sw/store/run-rows.ts';
import { nextStretch, type Stretch } from '../../sw/sync/upload-stretch.ts';

const limits = { rows: 1000, characters: 2_000_000 };

function journalOf(throughSeq: number, more: Partial<JournalRow> = {}): JournalRow {
  const run: unknown = randomUUID();
  if (!isRunId(run)) throw new TypeError('not an id');
  return {
    ...{ id: 'open', run, mode: 'unsynchronized', trigger: 'call', full: false, user: 'ana', startedAt: 1 },
    ...{ state: 'uploading', throughSeq, uploadedThrough: 0, uploadTotal: throughSeq, uploadDone: 0, resend: [] },
    ...{ tally: {}, commands: 0, failed: 0, bytesSent: 0, bytesReceived: 0, warnings: [], progress: null },
    ...more,
  };
}

/** Changes of one table in the order of their keys, with texts of the given lengths. */
async function stored(lengths: readonly number[]): Promise<Database> {
  const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
  await database.write(['changes'], async (tx) => {
    for (const [index, length] of lengths.entries()) {
      const mutationId: unknown = randomUUID();
      if (!isMutationId(mutationId)) throw new TypeError('not an id');
      const key = String(index + 1).padStart(6, '0');
      const fixed = { operation: 'create', base: null, whole: true, schema: 1, state: 'pending' } as const;
      const row: ChangeRow = {
        table: 'visits',
        key,
        seq: index + 1,
        mutationId,
        attempts: 0,
        madeAt: 0,
        ...fixed,
        text: 'x'.repeat(length),
      };
      await tx.objectStore('changes').put(row);
    }
  });
  return database;
}

/** From where on the index by `seq` is asked for keys while the work goes on, each time. */
async function looks(work: () => Promise<unknown>): Promise<readonly unknown[]> {
  const spy = vi.spyOn(IDBIndex.prototype, 'getAllKeys');
  try {
    await work();
    return spy.mock.calls.map(([range]): unknown => (range instanceof IDBKeyRange ? range.lower : range));
  } finally {
    spy.mockRestore();
  }
}

function read(database: Database, journal: JournalRow): Promise<Stretch> {
  return database.read(['changes', 'commands'], (tx) => nextStretch(tx, journal, limits));
}

/** Goes over all stretches, as a run does; gives the seqs of each. */
async function stretches(database: Database, throughSeq: number): Promise<number[][]> {
  const found: number[][] = [];
  let journal = journalOf(throughSeq);
  while (journal.uploadedThrough < throughSeq) {
    const { rows, through } = await read(database, journal);
    expect(through).toBeGreaterThan(journal.uploadedThrough);
    found.push(rows.map(({ seq }) => seq));
    journal = { ...journal, uploadedThrough: through };
  }
  return found;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('The rows that a batch is chosen from (P-5)', () => {
  it('are a thousand where they are small', async () => {
    const database = await stored(Array.from({ length: 1500 }, () => 100));
    const found = await stretches(database, 1500);
    expect(found.map((seqs) => seqs.length)).toEqual([1000, 500]);
    expect(found.flat()).toEqual(upTo(1500));
  });

  it('are a few where they are large, and none is left out', async () => {
    const sizes = Array.from({ length: 60 }, (_, index) => (index < 30 ? 100_000 : index % 2 === 0 ? 700_000 : 100));
    const database = await stored(sizes);
    const spy = vi.spyOn(IDBObjectStore.prototype, 'getAll');
    const bySeq = vi.spyOn(IDBIndex.prototype, 'getAll');
    const found = await stretches(database, 60);
    const results = [...spy.mock.results, ...bySeq.mock.results].flatMap(({ value }) =>
      value instanceof IDBRequest && Array.isArray(value.result) ? [value.result] : [],
    );
    vi.restoreAllMocks();
    expect(found.flat()).toEqual(upTo(60));
    const charactersOf = (seqs: readonly number[]): number => seqs.reduce((sum, seq) => sum + (sizes[seq - 1] ?? 0), 0);
    // One row more than there is room for at most, and before their sizes are known four.
    for (const seqs of found) expect(charactersOf(seqs)).toBeLessThanOrEqual(2_000_000 + 700_000 * 4);
    expect(found.length).toBeGreaterThan(5);
    expect(Math.max(...results.map(({ length }) => length))).toBeLessThanOrEqual(20);
  });

  it('are read in parts too where they are to be sent again', async () => {
    const database = await stored(Array.from({ length: 60 }, () => 400_000));
    const resend = [...upTo(60).reverse(), 1];
    const { rows, unread } = await read(database, journalOf(60, { uploadedThrough: 60, resend }));
    expect(rows.map(({ seq }) => seq)).toEqual(upTo(rows.length));
    expect(rows.length).toBeLessThanOrEqual(6);
    expect([...rows.map(({ seq }) => seq), ...unread]).toEqual(upTo(60));
  });

  it('are looked for where they lie, if they are few: not over all that is gone (P-8)', async () => {
    const database = await stored(Array.from({ length: 3000 }, () => 1));
    const remove = (from: number, to: number): Promise<void> =>
      database.write(['changes'], async (tx) => {
        const keys = await tx.objectStore('changes').index('seq').getAllKeys(IDBKeyRange.bound(from, to));
        await Promise.all(keys.map((key) => tx.objectStore('changes').delete(key)));
      });
    await remove(1, 1900);
    // Of more than a thousand nobody looks for the first.
    expect(await looks(() => stretches(database, 3000))).toEqual([0, 2900]);
    await remove(1, 2500);
    let found: number[][] = [];
    expect(await looks(async () => (found = await stretches(database, 3000)))).toEqual([2500]);
    expect(found.flat()).toEqual(upTo(3000).slice(2500));
    // What came behind the run's last is for the next one.
    expect(await looks(async () => (found = await stretches(database, 2400)))).toEqual([]);
    expect(found).toEqual([[]]);
    await remove(1, 3000);
    expect(await looks(async () => (found = await stretches(database, 3000)))).toEqual([]);
    expect(found).toEqual([[]]);
  });
});
