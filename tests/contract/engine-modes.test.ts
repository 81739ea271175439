import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SyncError } from '../../sw/protocol/errors.ts';
import type { RunMode, SynchronizeOptions, SynchronizeResult } from '../../sw/protocol/run.ts';
import { isJsonObject, isMutationId, type JsonObject, type MutationId } from '../../sw/protocol/record.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see, write, type Seen } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const modes = ['all', 'unsynchronized', 'selected'] as const satisfies readonly RunMode[];

function visit(id: string, more: JsonObject = {}): JsonObject {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

async function onServer(id: string): Promise<JsonObject | null> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 404 || !isJsonObject(body) ? null : body;
}

async function change(method: string, id: string, body?: JsonObject): Promise<void> {
  const path = method === 'POST' ? '/api/visits' : `/api/visits/${id}`;
  const { status } = await fixture.request(method, path, body === undefined ? {} : { body });
  if (status >= 300) throw new Error(`${method} ${path} was answered ${status}`);
}

function idOf(text: string): MutationId {
  if (!isMutationId(text)) throw new Error('not an id');
  return text;
}

async function putDraft(session: OpenSession, key: string): Promise<void> {
  await session.database.write(['drafts'], (tx) =>
    tx.objectStore('drafts').put({
      ...{ table: 'visits', key, seq: 0, mutationId: idOf('draft-00000000'), operation: 'create', base: null },
      ...{ text: JSON.stringify(visit(key)), whole: true, schema: 1, state: 'pending', attempts: 0, madeAt: 0 },
    }),
  );
}

/** What a cell looks at after the run. */
interface After {
  readonly here: Seen;
  readonly there: JsonObject | null;
  readonly uploads: number;
  readonly result: SynchronizeResult;
}

interface Row {
  /** Brings about the change, on a device that has downloaded; gives the record's key. */
  readonly arrange: (session: OpenSession, known: string) => Promise<string>;
  readonly expected: Readonly<Record<RunMode, (after: After, key: string) => void>>;
}

function outcome({ result }: After, key: string): string | undefined {
  return result.selected?.find((entry) => entry.key === key)?.outcome;
}

function isUploaded({ here, there, result }: After): void {
  expect(here).toMatchObject({ detail: 'clean', record: { note: 'mine', status: 'open' } });
  expect(there).toMatchObject({ note: 'mine' });
  expect(result.uploaded).toBe(1);
}

function isUntouched({ here }: After): void {
  expect(here).toMatchObject({ detail: 'clean', record: { note: 'a note' } });
}

/** Section 1, row by row. */
const rows: Readonly<Record<string, Row>> = {
  'a draft': {
    arrange: async (session) => {
      const id = randomUUID();
      await putDraft(session, id);
      return id;
    },
    expected: {
      all: ({ there, uploads, result }) => expect([there, uploads, result.outcome]).toEqual([null, 0, 'finished']),
      unsynchronized: ({ there, uploads }) => expect([there, uploads]).toEqual([null, 0]),
      selected: (after, key) => {
        expect([after.there, after.uploads, outcome(after, key)]).toEqual([null, 0, 'uncommitted']);
        expect(after.result.skipped).toEqual([{ table: 'visits', key, reason: 'uncommitted' }]);
      },
    },
  },
  'committed, new': {
    arrange: async (session) => {
      const id = randomUUID();
      await write(session, 'visits', id, visit(id, { note: 'mine' }));
      return id;
    },
    expected: { all: isUploaded, unsynchronized: isUploaded, selected: isUploaded },
  },
  'committed, edited': {
    arrange: async (session, known) => {
      await write(session, 'visits', known, visit(known, { note: 'mine' }));
      return known;
    },
    expected: { all: isUploaded, unsynchronized: isUploaded, selected: isUploaded },
  },
  'clean, newer on the server': {
    arrange: async (_session, known) => {
      await change('PATCH', known, { note: 'theirs' });
      return known;
    },
    expected: {
      all: ({ here }) => expect(here.record).toMatchObject({ note: 'theirs' }),
      unsynchronized: isUntouched,
      selected: (after, key) => {
        expect(after.here).toMatchObject({ detail: 'clean', record: { note: 'theirs' } });
        expect(outcome(after, key)).toBe('refreshed');
      },
    },
  },
  'unknown here, on the server': {
    arrange: async () => {
      const id = randomUUID();
      await change('POST', id, visit(id, { note: 'theirs' }));
      return id;
    },
    expected: {
      all: ({ here }) => expect(here.record).toMatchObject({ note: 'theirs' }),
      unsynchronized: ({ here }) => expect(here.record).toBeNull(),
      selected: (after, key) => {
        expect(after.here.record).toBeNull();
        expect(after.result.skipped).toEqual([{ table: 'visits', key, reason: 'unknown' }]);
      },
    },
  },
  'deleted here, known to the server': {
    arrange: async (session, known) => {
      await write(session, 'visits', known, null);
      return known;
    },
    expected: {
      all: ({ here, there }) => expect([here.record, there]).toEqual([null, null]),
      unsynchronized: ({ here, there }) => expect([here.record, there]).toEqual([null, null]),
      selected: (after, key) => {
        expect([after.here.record, after.there, outcome(after, key)]).toEqual([null, null, 'deleted']);
      },
    },
  },
  'deleted here, never on the server': {
    arrange: async (session) => {
      const id = randomUUID();
      await write(session, 'visits', id, visit(id));
      await write(session, 'visits', id, null);
      return id;
    },
    expected: {
      all: ({ uploads }) => expect(uploads).toBe(0),
      unsynchronized: ({ uploads }) => expect(uploads).toBe(0),
      selected: ({ uploads }) => expect(uploads).toBe(0),
    },
  },
  'clean, deleted on the server': {
    arrange: async (_session, known) => {
      await change('DELETE', known);
      return known;
    },
    expected: {
      all: ({ here }) => expect(here.record).toBeNull(),
      unsynchronized: isUntouched,
      selected: (after, key) => {
        expect(after.here.record).toBeNull();
        expect(after.result.selected).toMatchObject([{ table: 'visits', key, outcome: 'removed', record: null }]);
        expect(after.result.selected?.[0]?.reason).toContain('deleted');
      },
    },
  },
  'clean, not readable any more': {
    arrange: async (_session, known) => {
      await fixture.request('POST', `/api/visits/${known}/hand-over`, { body: { to: 'ben' } });
      return known;
    },
    expected: {
      all: ({ here }) => expect(here.record).toBeNull(),
      unsynchronized: isUntouched,
      selected: (after, key) => {
        expect([after.here.record, outcome(after, key)]).toEqual([null, 'removed']);
      },
    },
  },
  'changed here, deleted on the server': {
    arrange: async (session, known) => {
      await change('DELETE', known);
      await write(session, 'visits', known, visit(known, { note: 'mine' }));
      return known;
    },
    expected: { all: isGone, unsynchronized: isGone, selected: isGone },
  },
  'changed here, not readable there any more': {
    arrange: async (session, known) => {
      await fixture.request('POST', `/api/visits/${known}/hand-over`, { body: { to: 'ben' } });
      await write(session, 'visits', known, visit(known, { note: 'mine' }));
      return known;
    },
    expected: { all: isForbidden, unsynchronized: isForbidden, selected: isForbidden },
  },
  'rejected by the server': {
    arrange: async (session) => {
      const [id, other] = [randomUUID(), randomUUID()];
      await write(session, 'visits', id, visit(id, { rating: 9 }));
      await write(session, 'places', other, { id: other, name: 'A place', lat: 1, lng: 1, country: 'XX' });
      return id;
    },
    expected: {
      all: (after) => {
        isRejected(after);
        expect(after.result.tables['places']?.uploaded).toBe(1);
      },
      unsynchronized: (after) => {
        isRejected(after);
        expect(after.result.tables['places']?.uploaded).toBe(1);
      },
      selected: (after, key) => {
        isRejected(after);
        expect(outcome(after, key)).toBe('rejected');
        expect(after.result.tables['places']).toBeUndefined();
      },
    },
  },
  'referring to what the server lacks': {
    arrange: async (session) => {
      const id = randomUUID();
      await write(session, 'visits', id, visit(id, { placeId: 'no-such-place' }));
      return id;
    },
    expected: { all: isDangling, unsynchronized: isDangling, selected: isDangling },
  },
  'no longer in the table’s scope': {
    arrange: async (session, known) => {
      session.schema.useScopes({ visits: { filter: 'note = :note', params: { note: 'a note' } } });
      await write(session, 'visits', known, visit(known, { note: 'mine' }));
      return known;
    },
    expected: {
      all: ({ here, there, result }) => {
        expect([here.record, there?.['note'], result.uploaded, result.outcome]).toEqual([null, 'mine', 1, 'finished']);
      },
      unsynchronized: isUploaded,
      selected: isUploaded,
    },
  },
};

function isForbidden({ here, result }: After, key: string): void {
  expect([here.record, result.outcome]).toEqual([null, 'partial']);
  if (result.mode === 'selected') expect(result.selected).toMatchObject([{ key, outcome: 'forbidden', record: null }]);
}

function isGone({ here, there, result }: After, key: string): void {
  expect([here.record, there, result.outcome]).toEqual([null, null, 'partial']);
  if (result.mode === 'selected') {
    expect(result.selected).toMatchObject([{ table: 'visits', key, outcome: 'gone', record: null }]);
    expect(result.selected?.[0]?.reason).not.toBe('');
  }
}

function isRejected({ here, there, result }: After): void {
  expect(here).toMatchObject({ detail: 'rejected', record: { rating: 9 } });
  expect([there, result.outcome, result.failed]).toEqual([null, 'partial', 1]);
}

function isDangling({ here, there, result }: After, key: string): void {
  expect(here.detail).toBe('rejected');
  expect([there, result.failed]).toEqual([null, 1]);
  if (result.mode === 'selected') expect(result.selected?.[0]).toMatchObject({ key, outcome: 'dangling' });
}

const cells = Object.entries(rows).flatMap(([name, row]) => modes.map((mode) => ({ name, row, mode })));

async function downloaded(): Promise<{ device: Device; session: OpenSession; known: string }> {
  const known = randomUUID();
  await change('POST', known, visit(known));
  const device = new Device(fixture);
  const session = await device.startWorker().signIn('ana');
  await session.engine.synchronize('first', {});
  return { device, session, known };
}

describe('section 1: what a mode does with a record that is', () => {
  it.each(cells)('$name, in mode $mode', async ({ row, mode }) => {
    const { device, session, known } = await downloaded();
    const key = await row.arrange(session, known);
    let uploads = 0;
    device.network = (path, forward) => {
      if (path === '/sync/upload') uploads += 1;
      return forward();
    };
    const options = mode === 'selected' ? { mode, selection: { visits: [key] } } : { mode };
    const result = await session.engine.synchronize('call', options);
    expect(result.mode).toBe(mode);
    const [here, there] = [await see(session, 'visits', key), await onServer(key)];
    row.expected[mode]({ here, there, uploads, result }, key);
    if (result.failed > 0) {
      const [logged] = await fixture.server.database.query('select failure from sync_failures where failure like $1', [
        `%${key}%`,
      ]);
      expect(logged).toBeDefined();
    }
  });
});

describe('mode selected', () => {
  it('touches nothing else, and gives one outcome for each record (S-03, S-04)', async () => {
    const { session, known } = await downloaded();
    const [made, other, draft, never] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', made, visit(made));
    await write(session, 'visits', other, visit(other));
    await putDraft(session, draft);
    const deleted = 'ana-visit-2';
    await write(session, 'visits', deleted, null);
    const selection = { visits: [known, { id: made }, draft, deleted, never] };
    const result = await session.engine.synchronize('call', { mode: 'selected', selection });
    const outcomes = Object.fromEntries((result.selected ?? []).map((entry) => [entry.key, entry.outcome]));
    expect(outcomes).toEqual({
      [known]: 'unchanged',
      [made]: 'uploaded',
      [draft]: 'uncommitted',
      [deleted]: 'deleted',
      [never]: 'unknown',
    });
    expect(await see(session, 'visits', other)).toMatchObject({ detail: 'pending' });
    expect(await onServer(other)).toBeNull();
  });

  it('takes a filter with parameters, and refuses one without before anything begins', async () => {
    const { session } = await downloaded();
    const [near, far] = [randomUUID(), randomUUID()];
    await write(session, 'visits', near, visit(near, { note: near }));
    await write(session, 'visits', far, visit(far, { note: far }));
    const filter = { filter: 'note = :note', params: { note: near } };
    const result = await session.engine.synchronize('call', { mode: 'selected', selection: { visits: filter } });
    expect(result).toMatchObject({ uploaded: 1, selected: [{ key: near, outcome: 'uploaded' }] });
    const missing = { mode: 'selected', selection: { visits: { filter: 'note = :note' } } } as const;
    await expect(session.engine.synchronize('again', missing)).rejects.toMatchObject({ code: 'filter' });
    expect((await see(session, 'visits', far)).detail).toBe('pending');
  });

  it('brings unsent parents along, and without them the child dangles', async () => {
    const { session } = await downloaded();
    const [parent, child, lone, orphan] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const line = { productCode: 1, quantity: 2, price: 3 };
    for (const [visitId, id] of [
      [parent, child],
      [lone, orphan],
    ] as const) {
      await write(session, 'visits', visitId, visit(visitId));
      await write(session, 'lines', id, { id, visitId, ...line });
    }
    const selection = { lines: [child] };
    const result = await session.engine.synchronize('call', { mode: 'selected', selection });
    expect(result).toMatchObject({ outcome: 'finished', uploaded: 2 });
    expect(await onServer(parent)).not.toBeNull();
    const alone = { mode: 'selected', selection: { lines: [orphan] }, includeParents: false } as const;
    const second = await session.engine.synchronize('again', alone);
    expect(second.selected).toMatchObject([{ key: orphan, outcome: 'dangling' }]);
    expect(await onServer(lone)).toBeNull();
  });

  it('goes on where a stopped worker was, with the outcomes that are known', async () => {
    const device = new Device(fixture);
    const first = device.startWorker();
    const session = await first.signIn('ana');
    await session.engine.synchronize('first', {});
    const [made, changed] = [randomUUID(), 'ana-visit-1'];
    await write(session, 'visits', made, visit(made));
    await change('PATCH', changed, { note: `theirs ${made}` });
    const reached = new Promise<void>((resolve) => {
      device.network = async (path, forward) => {
        const answer = await forward();
        if (path === '/sync/read') {
          first.kill();
          resolve();
        }
        return answer;
      };
    });
    void session.engine.synchronize('call', { mode: 'selected', selection: { visits: [made, changed] } });
    await reached;
    device.network = (_path, forward) => forward();
    const next = await device.startWorker().signIn('ana');
    expect((await see(next, 'visits', changed)).record).not.toMatchObject({ note: `theirs ${made}` });
    await next.engine.requestRun('start');
    expect((await see(next, 'visits', changed)).record).toMatchObject({ note: `theirs ${made}` });
    expect((await see(next, 'visits', made)).detail).toBe('clean');
  });

  it.each([
    [{ mode: 'some' }, 'invalid-request', '"some"'],
    [{ mode: 'selected' }, 'invalid-request', 'selection'],
    [{ mode: 'selected', selection: { visitz: [] } }, 'unknown-table', '"visitz"'],
    [{ mode: 'selected', selection: { products: ['x'] } }, 'invalid-key', '"x"'],
    [{ mode: 'selected', selection: { visits: [{ note: 'x' }] } }, 'invalid-key', 'id'],
    [{ mode: 'selected', selection: { visits: { filter: 'note =' } } }, 'filter', ''],
    [{ mode: 'all', selection: { visits: [] } }, 'invalid-request', 'selection'],
    [{ onBusy: 'wait' }, 'invalid-request', '"wait"'],
  ])('refuses %j as %s, and changes nothing', async (options, code, named) => {
    const { session } = await downloaded();
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what a page's script may send
    const run = session.engine.synchronize('call', options as SynchronizeOptions);
    const error = await run.catch((caught: unknown) => caught);
    if (!(error instanceof SyncError)) throw new Error('not refused');
    expect(error.code).toBe(code);
    expect(error.message).toContain(named);
    expect((await see(session, 'visits', id)).detail).toBe('pending');
  });
});
