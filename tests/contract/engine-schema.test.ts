import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFailures } from '../../sw/store/failures.ts';
import type { Migrate } from '../../sw/store/migrate-row.ts';
import { isJsonObject, isMutationId } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { readDrafts, writeDraft } from '../../sw/sync/drafts.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import { pageOf, valueOf } from './engine-page.ts';
import { Device, see, write, type WorkerOptions } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

type Tables = Readonly<Record<string, TableOptions>>;

const places: TableOptions = { path: '/api/places', key: 'id', columns: { name: { type: 'string', index: true } } };

/** The app's versions: the first wrote `remark` and `stars`, the second renamed `remark`, the third has what the server has. */
const versions: readonly Tables[] = [
  { places, visits: { path: '/api/visits', key: 'id', columns: { remark: 'string', stars: 'string' } } },
  { places, visits: { path: '/api/visits', key: 'id', columns: { note: 'string', stars: 'string' } } },
  { places, visits: { path: '/api/visits', key: 'id', columns: { note: 'string', rating: 'number' } } },
];

const migrate: Migrate = (change, from) => {
  const { remark, stars, ...rest } = change.record;
  const note = from < 2 && remark !== undefined ? { note: remark } : {};
  if (stars === 'many') throw new Error('no number');
  const rating = stars === undefined ? {} : { rating: Number(stars) };
  return { ...change, record: { ...rest, ...note, ...rating } };
};

/** A worker of one of the app's versions, counted from 1. */
function version(number: number, more: WorkerOptions = {}): WorkerOptions {
  return { schema: { version: number, tables: versions[number - 1] ?? {} }, migrate, ...more };
}

/** A visit as that version's app writes it. */
function visit(number: number, id: string, stars = '4'): Record<string, string | number> {
  const first = { id, date: '2026-03-01' };
  if (number === 1) return { ...first, remark: 'written long ago', stars };
  return { ...first, note: 'written long ago', stars };
}

async function draft(session: OpenSession, key: string, record: object): Promise<void> {
  const table = session.schema.tables.get('visits');
  if (table === undefined) throw new Error('no visits');
  const content = (): string => JSON.stringify(record);
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('no id');
  await writeDraft(session, { table, key, operation: 'put', content, mutationId });
}

async function drafts(session: OpenSession): Promise<unknown[]> {
  const table = session.schema.tables.get('visits');
  return table === undefined ? [] : (await readDrafts(session, table)).map((each) => each.record);
}

describe('a new version of the schema', () => {
  it.each([1, 2])(
    'migrates what version %i left: changes and drafts, and sends them (invariant 8, F-04)',
    async (old) => {
      const device = new Device(fixture);
      const before = device.startWorker(version(old));
      const session = await before.signIn('ana');
      const [made, drafted] = [randomUUID(), randomUUID()];
      await write(session, 'visits', made, visit(old, made));
      await draft(session, drafted, visit(old, drafted));
      before.kill();
      const next = await device.startWorker(version(3)).signIn('ana');
      const wanted = { note: 'written long ago', rating: 4 };
      expect(await see(next, 'visits', made)).toMatchObject({ detail: 'pending', record: wanted });
      expect(await drafts(next)).toMatchObject([wanted]);
      expect(await next.engine.synchronize('call', {})).toMatchObject({ uploaded: 1, failed: 0 });
      expect(await (await fixture.fetch(`/api/visits/${made}`)).json()).toMatchObject(wanted);
    },
  );

  it('migrates what a change was made on too, so that only the user’s own fields are sent', async () => {
    const device = new Device(fixture);
    const id = randomUUID();
    const before = device.startWorker(version(2));
    const session = await before.signIn('ana');
    await write(session, 'visits', id, { id, date: '2026-03-01', note: 'made' });
    await session.engine.synchronize('call', {});
    const stored = (await see(session, 'visits', id)).record;
    await write(session, 'visits', id, { ...stored, note: 'mine' });
    before.kill();
    await fixture.fetch(`/api/visits/${id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/merge-patch+json' },
      body: JSON.stringify({ rating: 2 }),
    });
    const next = await device.startWorker(version(3)).signIn('ana');
    await next.engine.synchronize('call', {});
    expect(await (await fixture.fetch(`/api/visits/${id}`)).json()).toMatchObject({ note: 'mine', rating: 2 });
  });

  it('keeps what does not fit, or where migrate throws, as a failure schema with its old content (F-04)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1));
    const session = await before.signIn('ana');
    const [good, bad, drafted] = [randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', bad, visit(1, bad, 'many'));
    await write(session, 'visits', good, visit(1, good));
    await draft(session, drafted, visit(1, drafted, 'many'));
    await write(session, 'places', 'AD-1', { id: 'AD-1', name: 'x' });
    before.kill();
    const { places: gone, ...tables } = versions[2] ?? {};
    expect(gone).toBeDefined();
    const next = await device.startWorker({ schema: { version: 3, tables }, migrate }).signIn('ana');
    const failures = await readFailures(next.database, { limit: 10, offset: 0 });
    const contents = Object.fromEntries(failures.map(({ key, code, content }) => [key, { code, content }]));
    expect(contents).toEqual({
      [bad]: { code: 'schema', content: visit(1, bad, 'many') },
      [drafted]: { code: 'schema', content: visit(1, drafted, 'many') },
      'AD-1': { code: 'schema', content: { id: 'AD-1', name: 'x' } },
    });
    expect((await see(next, 'visits', bad)).record).toBeNull();
    expect(await drafts(next)).toEqual([]);
    expect(await next.engine.synchronize('call', { mode: 'unsynchronized' })).toMatchObject({ uploaded: 1, failed: 0 });
  });

  it.each(['0', 'f'])(
    'sends no part of a group of which another part does not fit, but by its user’s word (F-04, %s)',
    async (first) => {
      const device = new Device(fixture);
      const before = device.startWorker(version(2));
      const session = await before.signIn('ana');
      // The one that does not fit is looked at before the other, or after it.
      const [good, bad] = [`7${randomUUID()}`, `${first}${randomUUID()}`];
      const requests = [good, bad].map((id): GroupRequest => {
        return { method: 'POST', url: '/api/visits', body: visit(2, id, id === bad ? 'many' : '4') };
      });
      await valueOf(pageOf(before, session).group(requests, {}));
      before.kill();
      const worker = device.startWorker(version(3));
      const next = await worker.signIn('ana');
      await next.engine.synchronize('one', { onPartial: 'return' });
      await next.engine.synchronize('two', { onPartial: 'return' });
      expect((await fixture.fetch(`/api/visits/${good}`)).status).toBe(404);
      expect(await see(next, 'visits', good)).toMatchObject({ detail: 'rejected' });
      const page = pageOf(worker, next);
      const failures = await valueOf(page.failures({}));
      expect(failures.map(({ key, code }) => [key, code]).sort()).toEqual(
        [
          [good, 'superseded'],
          [bad, 'schema'],
        ].sort(),
      );
      const left = failures.find(({ key }) => key === good);
      expect(await valueOf(page.retry(left?.id ?? ''))).toBe(true);
      expect(await next.engine.synchronize('three', { onPartial: 'return' })).toMatchObject({ uploaded: 1 });
      expect((await fixture.fetch(`/api/visits/${good}`)).status).toBe(200);
    },
  );

  it('sends what was in flight as it was sent, and knows the outcome for it (invariant 3)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(2));
    const session = await before.signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, { id, date: '2026-03-01', note: 'first' });
    const bodies: unknown[] = [];
    device.network = async (path, forward, _headers, _method, body) => {
      if (path !== '/sync/upload') return forward();
      bodies.push(body);
      await forward();
      throw new TypeError('the answer was lost');
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    await write(session, 'visits', id, { id, date: '2026-03-01', note: 'second', stars: '3' });
    before.kill();
    device.network = (path, forward, _headers, _method, body) => {
      if (path === '/sync/upload') bodies.push(body);
      return forward();
    };
    const next = await device.startWorker(version(3)).signIn('ana');
    await next.engine.synchronize('call', {});
    expect(bodies[1]).toBe(bodies[0]);
    expect(await (await fixture.fetch(`/api/visits/${id}`)).json()).toMatchObject({ note: 'second', rating: 3 });
  });

  it('downloads the base again if the shape changed, and shows the old one until then', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1));
    await (await before.signIn('ana')).engine.synchronize('call', {});
    before.kill();
    const tables = { ...versions[2], places: { ...places, columns: { name: 'string', country: 'string' } } as const };
    const next = await device.startWorker({ schema: { version: 3, tables }, migrate }).signIn('ana');
    expect((await see(next, 'places', 'AD-1')).record).not.toBeNull();
    const result = await next.engine.synchronize('call', {});
    expect(result.tables['places']?.downloaded).toBe(50);
  });

  it('does not say that a record is absent when only its key is another one now (invariant 13)', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1));
    await (await before.signIn('ana')).engine.synchronize('call', {});
    before.kill();
    const tables = { ...versions[2], places: { path: '/api/places', key: 'name' } };
    const next = await device.startWorker({ schema: { version: 3, tables }, migrate }).signIn('ana');
    const head = await next.database.read(['heads'], (tx) => next.base.readHead(tx, 'places'));
    expect(head).toMatchObject({ complete: false, root: null, cursor: null });
  });

  it('is refused to older code, with nothing deleted (VersionError)', async () => {
    const device = new Device(fixture);
    const newer = device.startWorker(version(3));
    const session = await newer.signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, { id, date: '2026-03-01', note: 'newer' });
    newer.kill();
    const older = device.startWorker(version(1));
    await expect(older.signIn('ana')).rejects.toMatchObject({ name: 'VersionError', code: 'protocol-version' });
    older.kill();
    const again = await device.startWorker(version(3)).signIn('ana');
    expect(await see(again, 'visits', id)).toMatchObject({ record: { note: 'newer' } });
  });

  it('closes the database to the worker before it, which stores nothing more', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker(version(1)).signIn('ana');
    const next = await device.startWorker(version(2)).signIn('ana');
    const id = randomUUID();
    await expect(write(session, 'visits', id, visit(1, id))).rejects.toMatchObject({ code: 'storage' });
    expect((await see(next, 'visits', id)).record).toBeNull();
  });

  it('goes on where a stopped worker left off', async () => {
    const device = new Device(fixture);
    const before = device.startWorker(version(1));
    const session = await before.signIn('ana');
    const ids = Array.from({ length: 3 }, () => randomUUID());
    for (const id of ids) await write(session, 'visits', id, visit(1, id));
    before.kill();
    let calls = 0;
    const stopping: Migrate = (change, from) => {
      calls += 1;
      // It never answers again.
      return calls > 2 ? new Promise<never>(() => undefined) : migrate(change, from);
    };
    const stopped = device.startWorker(version(3, { migrate: stopping }));
    void stopped.signIn('ana');
    await expect.poll(() => calls).toBe(3);
    stopped.kill();
    const next = await device.startWorker(version(3)).signIn('ana');
    for (const id of ids) {
      const { record } = await see(next, 'visits', id);
      expect(isJsonObject(record) ? record['rating'] : null).toBe(4);
    }
  });
});
