import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { toFilterTree } from '../../sw/filter/index.ts';
import type { StoreName } from '../../sw/store/format.ts';
import { setStatus } from '../../sw/store/set-status.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { readState } from '../../sw/sync/state.ts';
import { see, signal, write } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const send = { mode: 'unsynchronized', onPartial: 'return' } as const;

function post(table: string, body: JsonObject): GroupRequest {
  return { method: 'POST', url: `/api/${table}`, body };
}

/** What is written behind it makes a batch of its own, which is planned while the group is on the wire. */
async function writeGroup({ page }: Opened, ...requests: readonly GroupRequest[]): Promise<void> {
  await valueOf(page.group(requests, {}));
}

interface Uploads {
  /** The changes of each request. */
  readonly sent: JsonObject[][];
  /** How many batches were stored at each. */
  readonly stored: number[];
}

/**
 * Watches what is sent. The answer of the first upload comes when the next batch was planned and the given work is done.
 */
function watch({ device, session }: Opened, meanwhile: () => Promise<unknown> = () => Promise.resolve()): Uploads {
  const uploads: Uploads = { sent: [], stored: [] };
  const planned = signal();
  const read = session.database.read.bind(session.database);
  vi.spyOn(session.database, 'read').mockImplementation(async (stores, work) => {
    const value = await read(stores, work);
    if (stores.includes('sentContents')) planned.give();
    return value;
  });
  device.network = async (path, forward, _headers, _method, body) => {
    if (path !== '/sync/upload') return forward();
    uploads.sent.push(arrayOf(asObject(asJson(String(body)))['changes']).map(asObject));
    uploads.stored.push(await read(['batches'], (tx) => tx.objectStore('batches').count()));
    const answer = await forward();
    if (uploads.sent.length === 1) {
      await planned.given;
      await meanwhile();
    }
    return answer;
  };
  return uploads;
}

/** Does something when the outcomes of the first batch are stored, and with them the next one. */
function onceSettled({ database }: OpenSession, work: () => Promise<unknown>): void {
  const through = database.write.bind(database);
  const spy = vi.spyOn(database, 'write').mockImplementation(async (stores, change, options) => {
    const value = await through(stores, change, options);
    if (isSettling(stores)) {
      spy.mockRestore();
      await work();
    }
    return value;
  });
}

function isSettling(stores: readonly StoreName[]): boolean {
  return stores.includes('sentContents') && stores.includes('segments');
}

async function detailsOf(session: OpenSession, table: string, keys: readonly string[]): Promise<string[]> {
  return Promise.all(keys.map(async (key) => (await see(session, table, key)).detail));
}

const keysOf = (changes: readonly JsonObject[] | undefined): unknown[] => (changes ?? []).map(({ key }) => key);

describe('A batch that is planned while another is on the wire', () => {
  it('is stored with the outcomes of that one, and sent as planned (P-1)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const ids = Array.from({ length: 2100 }, () => randomUUID());
    for (const id of ids) await write(session, 'visits', id, visit(id));
    const uploads = watch(opened);
    const planned: number[] = [];
    const through = session.database.write.bind(session.database);
    vi.spyOn(session.database, 'write').mockImplementation((stores, work, options) => {
      if (stores.includes('sentContents') && !isSettling(stores)) planned.push(uploads.sent.length);
      return through(stores, work, options);
    });
    expect(await session.engine.synchronize('call', send)).toMatchObject({ outcome: 'finished', uploaded: 2100 });
    // Only the first one had a transaction of its own.
    expect(planned).toEqual([0]);
    expect(uploads.stored).toEqual([1, 1, 1]);
    expect(uploads.sent.flatMap((changes) => keysOf(changes))).toEqual(ids);
    expect(new Set(await detailsOf(session, 'visits', ids.slice(0, 50)))).toEqual(new Set(['clean']));
  }, 60_000);

  it('is a small one while pages ask (P-6)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const ids = Array.from({ length: 1256 }, () => randomUUID());
    for (const id of ids) await write(session, 'visits', id, visit(id));
    const { sent } = watch(opened);
    vi.spyOn(session.traffic, 'isOn').mockReturnValueOnce(true).mockReturnValueOnce(true).mockReturnValue(false);
    expect(await session.engine.synchronize('call', send)).toMatchObject({ outcome: 'finished', uploaded: 1256 });
    expect(sent.map((changes) => changes.length)).toEqual([128, 128, 1000]);
    expect(sent.flatMap((changes) => keysOf(changes))).toEqual(ids);
  }, 60_000);

  it('has what is pending told without counting all of it again', async () => {
    const opened = await openDevice(fixture);
    const { session, device } = opened;
    const ids = Array.from({ length: 350 }, () => randomUUID());
    for (const id of ids) await write(session, 'visits', id, visit(id));
    expect((await readState(session)).pending).toBe(350);
    vi.spyOn(session.traffic, 'isOn').mockReturnValue(true);
    const counting = vi.spyOn(IDBObjectStore.prototype, 'count');
    let counted: readonly string[] = ['changes'];
    const [early, late] = [randomUUID(), randomUUID()];
    const told: number[] = [];
    device.network = async (path, forward) => {
      if (path === '/sync/upload') {
        // Made beside the run, the one before it is counted, the other behind.
        if (told.length === 0) await write(session, 'visits', early, visit(early));
        told.push((await readState(session)).pending);
        if (told.length === 1) await write(session, 'visits', late, visit(late));
        if (told.length === 3) {
          counted = counting.mock.contexts.flatMap((store) => (store instanceof IDBObjectStore ? store.name : []));
          counting.mockRestore();
        }
      }
      return forward();
    };
    expect(await session.engine.synchronize('call', send)).toMatchObject({ uploaded: 350 });
    expect(told).toEqual([351, 224, 96]);
    expect((await readState(session)).pending).toBe(2);
    expect(counted).not.toContain('changes');
    expect(await session.database.read(['changes'], (tx) => tx.objectStore('changes').count())).toBe(2);
  }, 60_000);

  it('takes what it refers to for sent, and goes out behind it', async () => {
    const opened = await openDevice(fixture);
    const [parent, line, photo] = [randomUUID(), randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(parent)));
    await write(opened.session, 'lines', line, { id: line, visitId: parent, productCode: 1, quantity: 1, price: 1 });
    await write(opened.session, 'photos', photo, { id: photo, visitId: parent, caption: 'a photo' });
    const { sent } = watch(opened);
    expect(await opened.session.engine.synchronize('call', send)).toMatchObject({ uploaded: 3, failed: 0 });
    expect(sent.map(keysOf)).toEqual([[parent], [line, photo]]);
  });

  it('is not stored where a record that it refers to was refused: what refers to that waits (P-3, U-07)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const [parent, child, other] = [randomUUID(), randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(parent, { note: '#reject' })));
    await write(session, 'lines', child, { id: child, visitId: parent, productCode: 1, quantity: 1, price: 1 });
    await write(session, 'visits', other, visit(other));
    const { sent } = watch(opened);
    expect(await session.engine.synchronize('call', send)).toMatchObject({ uploaded: 1, failed: 1 });
    expect(sent.map(keysOf)).toEqual([[parent], [other]]);
    expect((await see(session, 'lines', child)).detail).toBe('blocked');
  });

  it('is planned anew where the server gave a record another key (U-08)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const visitId = randomUUID();
    await write(session, 'visits', visitId, visit(visitId));
    await session.engine.synchronize('before', send);
    await writeGroup(opened, post('tasks', { title: 'first', visitId }));
    const [task] = await session.database.read(['changes'], (tx) => tx.objectStore('changes').getAll());
    const next = await ask(session, 'POST', '/api/tasks', { title: 'next', visitId, afterId: task?.key ?? null });
    const { sent } = watch(opened);
    expect(await session.engine.synchronize('call', send)).toMatchObject({ uploaded: 2, failed: 0 });
    const { record } = await see(session, 'tasks', Number(next.record['id']));
    expect(Number(record?.['afterId'])).toBeGreaterThan(0);
    expect(asObject(sent[1]?.[0]?.['record'])['afterId']).toBe(record?.['afterId']);
  });

  it('goes without a change that was edited meanwhile (P-3)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const [first, edited, other] = [randomUUID(), randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(first)));
    for (const id of [edited, other]) await write(session, 'visits', id, visit(id, { note: 'as planned' }));
    const { sent } = watch(opened, () => write(session, 'visits', edited, visit(edited, { note: 'as edited' })));
    await session.engine.synchronize('call', send);
    const notes = sent.flat().flatMap(({ key, record }) => (key === edited ? [asObject(record)['note']] : []));
    expect(notes).not.toContain('as planned');
    expect(keysOf(sent.flat())).toContain(other);
    expect((await see(session, 'visits', edited)).record).toMatchObject({ note: 'as edited' });
  });

  it('goes without a change that was held meanwhile (P-3, K-04)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const [first, held, other] = [randomUUID(), randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(first)));
    for (const id of [held, other]) await write(session, 'visits', id, visit(id));
    const table = session.schema.tables.get('visits');
    if (table === undefined) throw new Error('no visits');
    const filter = toFilterTree(`id = '${held}'`, { types: table.columnTypes, table: 'visits' });
    const hold = { status: 'synchronized', query: { filter, params: {} } } as const;
    const { sent } = watch(opened, () => setStatus(session.database, session.base, table, hold));
    await session.engine.synchronize('call', send);
    expect(sent.map(keysOf)).toEqual([[first], [other]]);
    expect((await see(session, 'visits', held)).detail).toBe('held');
  });

  it('has no second change of a record before the first is settled (invariant 3)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const [twice, other] = [randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(twice, { note: 'first' })));
    await write(session, 'visits', twice, visit(twice, { note: 'second' }));
    await write(session, 'visits', other, visit(other));
    const { sent } = watch(opened);
    expect(await session.engine.synchronize('call', send)).toMatchObject({ uploaded: 3, failed: 0 });
    expect(sent.map(keysOf)).toEqual([[twice], [twice, other]]);
    expect(typeof sent[1]?.[0]?.['baseVersion']).toBe('string');
  });

  it('is pending again where the run is cancelled before it is sent (P-4, S-09)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const [first, second] = [randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(first)));
    await write(session, 'visits', second, visit(second));
    const { sent } = watch(opened);
    const details: string[][] = [];
    onceSettled(session, async () => {
      details.push(await detailsOf(session, 'visits', [first, second]));
      await session.engine.cancel(null);
    });
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ code: 'cancelled' });
    expect(details).toEqual([['clean', 'in-flight']]);
    expect(sent.map(keysOf)).toEqual([[first]]);
    expect(await detailsOf(session, 'visits', [first, second])).toEqual(['clean', 'pending']);
    expect(await session.engine.synchronize('again', send)).toMatchObject({ uploaded: 1, failed: 0 });
  });

  it('is sent as it was stored where the worker was stopped before (T-2)', async () => {
    const opened = await openDevice(fixture);
    const { device, session, worker } = opened;
    const [first, second] = [randomUUID(), randomUUID()];
    await writeGroup(opened, post('visits', visit(first)));
    await write(session, 'visits', second, visit(second));
    const before = watch(opened);
    const stopped = signal();
    onceSettled(session, () => {
      worker.kill();
      stopped.give();
      return new Promise<never>(() => undefined);
    });
    void session.engine.synchronize('call', send);
    await stopped.given;
    const later = device.startWorker();
    const next = await later.signIn('ana');
    const stored = await next.database.read(['batches'], (tx) => tx.objectStore('batches').getAll());
    const sent: unknown[] = [];
    device.network = (path, forward, _headers, _method, body) => {
      if (path === '/sync/upload') sent.push(body);
      return forward();
    };
    await next.engine.synchronize('again', { ...send, onBusy: 'queue' });
    expect(before.sent.map(keysOf)).toEqual([[first]]);
    expect(stored.map(({ items }) => items.map(({ type }) => type))).toEqual([['change']]);
    expect(sent).toEqual(stored.map(({ body }) => body));
    expect(await detailsOf(next, 'visits', [first, second])).toEqual(['clean', 'clean']);
  });
});
