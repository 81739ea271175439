import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchBackend } from '../../sw/backend/batch-backend.ts';
import type { Backend, BackendConnection, DownloadPiece } from '../../sw/backend/backend.ts';
import { isJsonObject, type JsonRecord } from '../../sw/protocol/record.ts';
import { countByTable, countScope } from '../../sw/store/counts.ts';
import { Device, see, write } from './engine-fixture.ts';
import { Fixture, asJson } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const recordsInPiece = 1000;

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function isCollector(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** Counts what of the given objects is still held by anybody. */
async function countHeld(given: readonly WeakRef<JsonRecord>[]): Promise<number> {
  if (!isCollector(collect)) throw new Error('There is no gc.');
  // What was dereferenced in this turn of the loop is kept to its end.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return given.filter((ref) => ref.deref() !== undefined).length;
}

function piece(from: number, delta: boolean): Extract<DownloadPiece, { type: 'records' }> {
  const records = Array.from({ length: recordsInPiece }, (_, at): JsonRecord => {
    return { id: String(from + at).padStart(9, '0'), note: `${delta ? 'newer' : 'first'} ${String(from + at)}` };
  });
  const texts = records.map((record) => JSON.stringify(record));
  return { type: 'records', table: 'visits', records, texts, versions: texts.map(() => '1'), delta, bytes: 1 };
}

/** A server with many visits, which sees how many of those that it gave are still in memory. */
function manyVisits(full: number, newer: number): { readonly backend: Backend; readonly held: number[] } {
  const held: number[] = [];
  async function* download(): AsyncGenerator<DownloadPiece> {
    const given: WeakRef<JsonRecord>[] = [];
    const give = (from: number, delta: boolean): DownloadPiece => {
      const made = piece(from, delta);
      given.push(...made.records.map((record) => new WeakRef(record)));
      return made;
    };
    yield { type: 'start', serverEpoch: 'epoch' };
    yield { type: 'table', table: 'visits', full: true, snapshot: 'one', total: full };
    for (let from = 0; from < full; from += recordsInPiece) {
      yield give(from, false);
      if (from % 10_000 === 0) held.push(await countHeld(given));
    }
    for (let from = 0; from < newer; from += recordsInPiece) {
      yield give(from, true);
      if (from % 10_000 === 0) held.push(await countHeld(given));
    }
    yield { type: 'end', table: 'visits', cursor: 'c', count: full };
    yield { type: 'finish' };
  }
  const backend: Backend = {
    connect: (context): BackendConnection => ({ ...batchBackend().connect(context), download }),
  };
  return { backend, held };
}

describe('What a run holds in memory (D-06)', () => {
  it('is a chunk of a table, however many records it has', async () => {
    const { backend, held } = manyVisits(60_000, 30_000);
    const tables = { visits: { path: '/api/visits', key: 'id' } };
    const session = await new Device(fixture).startWorker({ backend, schema: { version: 1, tables } }).signIn('ana');
    expect(await session.engine.synchronize('one', {})).toMatchObject({ outcome: 'finished', downloaded: 90_000 });
    expect(await see(session, 'visits', '000029999')).toMatchObject({ record: { note: 'newer 29999' } });
    expect(held).toHaveLength(9);
    // Two chunks of changes: one is written while the next one is gathered.
    expect(Math.max(...held)).toBeLessThanOrEqual(10 * recordsInPiece);
  }, 60_000);

  it('is one batch of changes, and the next one only when its outcomes are stored', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const seen: { readonly changes: number; readonly batches: number; readonly characters: number }[] = [];
    device.network = async (path, forward, _headers, _method, body) => {
      if (path !== '/sync/upload') return forward();
      const text = String(body);
      const sent = asJson(text);
      const changes = isJsonObject(sent) ? sent['changes'] : null;
      const batches = await session.database.read(['batches'], (tx) => tx.objectStore('batches').count());
      seen.push({ changes: Array.isArray(changes) ? changes.length : 0, batches, characters: text.length });
      return forward();
    };
    for (let at = 0; at < 1200; at += 1) {
      const id = randomUUID();
      await write(session, 'visits', id, { id, note: at < 30 ? 'x'.repeat(100_000) : 'a visit' });
    }
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(seen.reduce((sum, { changes }) => sum + changes, 0)).toBe(1200);
    expect(seen.map(({ batches }) => batches)).toEqual(seen.map(() => 1));
    expect(Math.max(...seen.map(({ changes }) => changes))).toBeLessThanOrEqual(1000);
    expect(Math.max(...seen.map(({ characters }) => characters))).toBeLessThan(2_500_000);
    const { database, base, schema } = session;
    expect(await database.read(countScope, (tx) => countByTable(tx, base, schema))).toMatchObject({ sendable: 0 });
  }, 60_000);
});
