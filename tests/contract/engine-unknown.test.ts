import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import { discardFailure, readFailures, retryFailure } from '../../sw/store/failures.ts';
import { countByTable, countScope } from '../../sw/store/counts.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { noteArrival } from '../../sw/sync/unknown-outcomes.ts';
import type { Failure, PendingCounts } from '../../sw/protocol/status.ts';
import { newMutationId } from './close-command.ts';
import { Device, see } from './engine-fixture.ts';
import { pageOf, valueOf, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function failuresOf(session: OpenSession): Promise<readonly Failure[]> {
  return readFailures(session.database, { limit: 100, offset: 0 });
}

function countsOf({ database, base, schema }: OpenSession): Promise<PendingCounts> {
  return database.read(countScope, (tx) => countByTable(tx, base, schema));
}

async function visitIds(ids: readonly string[]): Promise<number> {
  const rows = await fixture.server.database.query('select id from visits where id = any($1::text[])', [ids]);
  return rows.length;
}

async function noteOf(id: string): Promise<unknown> {
  const [row] = await fixture.server.database.query('select note from visits where id = $1', [id]);
  return row?.['note'];
}

/** A device of a server that remembers no requests; the first POST is applied and not answered. */
async function losingFirstPost(): Promise<Opened & { posts: () => number }> {
  const device = new Device(fixture);
  let posts = 0;
  device.network = async (path, forward) => {
    const answer = await forward();
    if (!path.startsWith('/api/visits') || answer.status !== 201) return answer;
    posts += 1;
    if (posts > 1) return answer;
    throw new TypeError('connection closed');
  };
  const backend = restBackend({ idempotency: 'none', concurrency: 1 });
  const worker = device.startWorker({ backend });
  const session = await worker.signIn('ana');
  return { device, worker, session, page: pageOf(worker, session), posts: () => posts };
}

async function makeVisits(session: OpenSession, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) await ask(session, 'PUT', `/api/visits/${id}`, { id, note: 'a visit' });
  return ids;
}

describe('A server without idempotency (U-14)', () => {
  it('leaves unknown only what was sent without an answer, and sends the others', async () => {
    const { session } = await losingFirstPost();
    const ids = await makeVisits(session, 4);
    await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'network',
    });
    expect((await failuresOf(session)).map(({ code, key }) => [code, key])).toEqual([['unknown', ids[0]]]);
    expect((await see(session, 'visits', ids[1] ?? '')).detail).toBe('pending');
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await visitIds(ids)).toBe(4);
    expect(await countsOf(session)).toMatchObject({ sendable: 0, total: 1 });
  });

  it.each([401, 425, 429])('leaves pending what the server said it did not take: %i', async (status) => {
    const { session, device } = await losingFirstPost();
    const ids = await makeVisits(session, 1);
    await ask(session, 'POST', `/api/visits/${ids[0]}/close`, {});
    device.network = (path, forward) =>
      path.startsWith('/api/visits') ? Promise.resolve(new Response(null, { status })) : forward();
    await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toMatchObject({
      details: { status },
    });
    expect(await failuresOf(session)).toEqual([]);
    device.network = (_path, forward) => forward();
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await visitIds(ids)).toBe(1);
    expect(await countsOf(session)).toMatchObject({ total: 0 });
  });

  it('has it arrived when the user says so, and nothing is sent again', async () => {
    const { session, posts } = await losingFirstPost();
    const [id = ''] = await makeVisits(session, 1);
    await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'network',
    });
    const [failure] = await failuresOf(session);
    expect(await noteArrival(session, failure?.id ?? '')).toBe(true);
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'a visit' } });
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(posts()).toBe(1);
    expect(await failuresOf(session)).toEqual([]);
  });

  it.each([
    ['has no hold left when it has arrived', [], { total: 1, sendable: 1 }],
    [
      'leaves the hold of an edit over it when it has arrived',
      ['edited'],
      { total: 1, tables: { visits: { held: 1 } } },
    ],
  ] as const)('%s (K-S4)', async (_name, edits, counts) => {
    const { session, page } = await losingFirstPost();
    const [id = ''] = await makeVisits(session, 1);
    await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toThrow();
    for (const note of edits) await ask(session, 'PATCH', `/api/visits/${id}`, { note });
    await valueOf(page.setStatus('visits', 'synchronized', { id }, {}));
    const [failure] = await failuresOf(session);
    expect(await valueOf(page.arrived(failure?.id ?? ''))).toBe(true);
    await makeVisits(session, 1);
    expect(await countsOf(session)).toMatchObject(counts);
  });

  it('holds an edit of what is unknown back until that is settled (invariant 3)', async () => {
    for (const word of ['arrived', 'again'] as const) {
      const { session, posts } = await losingFirstPost();
      const [id = ''] = await makeVisits(session, 1);
      await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toMatchObject({
        code: 'network',
      });
      await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'edited' });
      await session.engine.synchronize('two', { mode: 'unsynchronized' });
      expect([posts(), await noteOf(id)]).toEqual([1, 'a visit']);
      expect(await see(session, 'visits', id)).toMatchObject({ record: { note: 'edited' } });
      const failure = (await failuresOf(session))[0]?.id ?? '';
      if (word === 'arrived') expect(await noteArrival(session, failure)).toBe(true);
      else expect(await retryFailure(session.database, failure, newMutationId, 'unknown')).toBe(true);
      // The server knows the record already, so a create that is sent again is refused as such, and nothing is made twice.
      await session.engine.synchronize('three', { mode: 'unsynchronized', onPartial: 'return' });
      await session.engine.synchronize('four', { mode: 'unsynchronized', onPartial: 'return' });
      expect([word, await noteOf(id)]).toEqual([word, 'edited']);
      expect(await visitIds([id])).toBe(1);
    }
  });

  it('sends nothing again because a retry or a choice asks for it', async () => {
    const { session, page, posts } = await losingFirstPost();
    const [id = ''] = await makeVisits(session, 1);
    await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toThrow();
    const [failure] = await failuresOf(session);
    const refused = { ok: false, error: { code: 'unknown-outcome' } };
    expect(await page.retry(failure?.id ?? '')).toMatchObject(refused);
    expect(await page.resolve(failure?.id ?? '', { id, note: 'another' })).toMatchObject(refused);
    expect(await page.resolve(failure?.id ?? '', null)).toMatchObject(refused);
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect([posts(), await noteOf(id)]).toEqual([1, 'a visit']);
    expect(await failuresOf(session)).toEqual([failure]);
    expect(await see(session, 'visits', id)).toMatchObject({ record: { note: 'a visit' } });
  });

  it('sends it again when the user says so', async () => {
    const { session, device } = await losingFirstPost();
    const [id = ''] = await makeVisits(session, 1);
    device.network = (path, forward) =>
      path.startsWith('/api/visits') ? Promise.reject(new TypeError('connection closed')) : forward();
    await expect(session.engine.synchronize('one', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'network',
    });
    device.network = (_path, forward) => forward();
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(await visitIds([id])).toBe(0);
    const [failure] = await failuresOf(session);
    expect(await retryFailure(session.database, failure?.id ?? '', newMutationId, 'unknown')).toBe(true);
    await session.engine.synchronize('three', { mode: 'unsynchronized' });
    expect(await visitIds([id])).toBe(1);
  });
});

describe('A command that the server refused (F-02)', () => {
  it('stays to be sent again or given up, and asks for no runs meanwhile', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const [id = ''] = await makeVisits(session, 1);
    await ask(session, 'POST', `/api/visits/${id}/hand-over`, { to: 'nobody' });
    expect(await session.engine.synchronize('one', { mode: 'unsynchronized' })).toMatchObject({ failed: 1 });
    const [failure] = await failuresOf(session);
    expect(failure).toMatchObject({ operation: 'command', retriable: true, fields: { to: 'must name a user' } });
    expect(await countsOf(session)).toMatchObject({ commands: 1, sendable: 0 });
    expect(await retryFailure(session.database, failure?.id ?? '', newMutationId)).toBe(true);
    expect(await countsOf(session)).toMatchObject({ sendable: 1 });
    await session.engine.synchronize('two', { mode: 'unsynchronized' });
    const [again] = await failuresOf(session);
    expect(await discardFailure(session.database, again?.id ?? '')).not.toBeNull();
    expect(await countsOf(session)).toMatchObject({ commands: 0, total: 0 });
  });
});
