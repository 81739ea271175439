import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { QuotaError } from '../../sw/protocol/errors.ts';
import { addSegments } from '../../sw/store/add-segments.ts';
import { segmentOf } from '../../sw/store/staging.ts';
import { mergeMeanwhile } from '../../sw/sync/merge-meanwhile.ts';
import { openRun } from '../../sw/sync/run.ts';
import type { ActiveRun } from '../../sw/sync/session.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { storeClose } from './close-command.ts';
import { see, write, type Device } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const send = { mode: 'unsynchronized' } as const;

async function onServer(id: string): Promise<unknown> {
  const answer = await fixture.fetch(`/api/visits/${id}`);
  return answer.status === 404 ? null : answer.json();
}

/** Enough that a run remembers what it sends. */
async function writeMany(session: OpenSession, note: string, ids = Array.from({ length: 100 }, () => randomUUID())) {
  for (const id of ids) await write(session, 'visits', id, visit(id, { note }));
  return ids;
}

/** Does something once the server has applied an upload, before its answer arrives. */
function meanwhile(device: Device, work: () => Promise<unknown>): void {
  device.network = async (path, forward) => {
    const answer = await forward();
    if (path !== '/sync/upload') return answer;
    device.network = (_path, next) => next();
    await work();
    return answer;
  };
}

/** How many rows of changes are read while the work goes on. */
async function rowsRead(work: () => Promise<unknown>): Promise<number> {
  let read = 0;
  const spy = vi.spyOn(IDBObjectStore.prototype, 'getAll');
  const count = (): void => {
    spy.mock.results.forEach(({ value }, index) => {
      const store: unknown = spy.mock.contexts[index];
      if (!(value instanceof IDBRequest) || !(store instanceof IDBObjectStore) || store.name !== 'changes') return;
      const rows: unknown = value.result;
      read += Array.isArray(rows) ? rows.length : 0;
    });
  };
  try {
    await work();
    count();
    return read;
  } finally {
    spy.mockRestore();
  }
}

describe('a large batch', () => {
  it('is settled from what the run knows of it, where nobody wrote meanwhile', async () => {
    const { device, session } = await openDevice(fixture);
    const ids = await writeMany(session, 'first');
    const fresh = randomUUID();
    // The first change of another record is no reason to look again.
    meanwhile(device, () => write(session, 'visits', fresh, visit(fresh)));
    const read = await rowsRead(() => session.engine.synchronize('call', send));
    expect(read).toBeLessThan(110);
    expect((await see(session, 'visits', ids[50] ?? '')).detail).toBe('clean');
    expect((await see(session, 'visits', fresh)).detail).toBe('pending');
  });

  it('keeps what was edited, deleted and made while it was in flight (U-04, invariant 4)', async () => {
    const { device, session } = await openDevice(fixture);
    const ids = await writeMany(session, 'first');
    const [edited = '', deleted = '', untouched = ''] = ids;
    meanwhile(device, async () => {
      await write(session, 'visits', edited, visit(edited, { note: 'edited' }));
      await write(session, 'visits', deleted, null);
    });
    await session.engine.synchronize('call', send);
    expect(await see(session, 'visits', edited)).toMatchObject({ detail: 'pending', record: { note: 'edited' } });
    expect(await see(session, 'visits', deleted)).toMatchObject({ detail: 'pending', record: null });
    expect((await see(session, 'visits', untouched)).detail).toBe('clean');
    // Rebased on what the server made of the first version.
    const rows = await session.database.read(['changes'], (tx) => tx.objectStore('changes').getAll());
    expect(rows.map((row) => typeof row.base?.version)).toEqual(['string', 'string']);
    await session.engine.synchronize('again', send);
    expect(await onServer(edited)).toMatchObject({ note: 'edited' });
    expect(await onServer(deleted)).toBeNull();
    expect((await see(session, 'visits', edited)).detail).toBe('clean');
  });

  it('finds the later rows that its records have already (U-12)', async () => {
    const { session } = await openDevice(fixture);
    const ids = await writeMany(session, 'first');
    await storeClose(session, ids[0] ?? '');
    await writeMany(session, 'second', ids.slice(0, 80));
    const result = await session.engine.synchronize('call', send);
    expect(result).toMatchObject({ outcome: 'finished', failed: 0, tables: { visits: { conflicts: 0 } } });
    for (const [index, note] of [
      [0, 'second'],
      [79, 'second'],
      [80, 'first'],
    ] as const) {
      expect(await onServer(ids[index] ?? '')).toMatchObject({ note });
      expect((await see(session, 'visits', ids[index] ?? '')).detail).toBe('clean');
    }
    expect(await session.database.read(['changes'], (tx) => tx.objectStore('changes').count())).toBe(0);
  });

  it('has the segments merged while more is to be sent, where many were sent (P-7)', async () => {
    const { device, session, page } = await openDevice(fixture);
    const { database, base } = session;
    const ids = Array.from({ length: 13 }, () => randomUUID());
    const addMany = async (): Promise<void> => {
      for (const id of ids) {
        const record = { key: id, text: JSON.stringify(visit(id)), version: '1', fields: {} };
        await database.write(['segments', 'heads', 'meta'], (tx) =>
          addSegments(tx, base, [['visits', segmentOf(new Map([[id, record]]))]]),
        );
      }
    };
    await addMany();
    const segments = async (): Promise<number> =>
      (await database.read(['heads'], (tx) => base.readHead(tx, 'visits'))).segments.length;
    const [first, second] = [randomUUID(), randomUUID()];
    await valueOf(page.group([{ method: 'POST', url: '/api/visits', body: visit(first) }], {}));
    await write(session, 'visits', second, visit(second));
    const opened = await openRun(session, { mode: 'unsynchronized', trigger: 'call', full: false });
    const { signal } = new AbortController();
    const active = (uploadDone: number, more: Partial<ActiveRun> = {}): ActiveRun => ({
      ...{ session, signal, known: null, next: null, sliceEndsAt: Infinity },
      ...{ journal: { ...opened, uploadDone }, ...more },
    });
    await mergeMeanwhile(active(16_383), 16_000);
    await mergeMeanwhile(active(16_385), 16_384);
    await mergeMeanwhile(active(16_400, { signal: AbortSignal.abort() }), 16_383);
    expect(await segments()).toBeGreaterThan(12);
    // Nothing hangs on it: what is sent makes room.
    const full = vi.spyOn(database, 'write').mockRejectedValueOnce(new QuotaError('The disk is full.'));
    await mergeMeanwhile(active(16_400), 16_383);
    full.mockRejectedValueOnce(new TypeError('not of the storage'));
    await expect(mergeMeanwhile(active(16_400), 16_383)).rejects.toThrow('not of the storage');
    full.mockRestore();
    expect(await segments()).toBeGreaterThan(12);
    await mergeMeanwhile(active(16_400), 16_383);
    expect(await segments()).toBe(0);
    expect(await database.read(['segments'], (tx) => tx.objectStore('segments').count())).toBe(0);
    for (const id of ids) expect(await see(session, 'visits', id)).toMatchObject({ record: { id }, detail: 'clean' });
    await addMany();
    // As a worker left it that had sent so many.
    await database.write(['runs'], (tx) => tx.objectStore('runs').put({ ...opened, uploadDone: 16_383 }));
    const found: number[] = [];
    device.network = async (path, forward) => {
      if (path === '/sync/upload') found.push(await segments());
      return forward();
    };
    await session.engine.requestRun('start');
    expect(found).toEqual([13, 0]);
  });
});
