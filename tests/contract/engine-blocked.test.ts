import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

async function makeTasks(session: OpenSession, visitId: string, count: number): Promise<number[]> {
  const keys: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const { record } = await ask(session, 'POST', '/api/tasks', { title: `task ${String(at)}`, visitId });
    keys.push(Number(record['id']));
  }
  return keys;
}

function stateOf(session: OpenSession, keys: readonly number[]): Promise<string[]> {
  return Promise.all(keys.map(async (key) => (await see(session, 'tasks', key)).detail));
}

describe('What waits for records that the server did not take (U-07)', () => {
  it('is released with its own record only, where many others wait', async () => {
    const { session, page } = await openDevice(fixture);
    const [bad, worse] = [randomUUID(), randomUUID()];
    for (const id of [bad, worse]) await ask(session, 'POST', '/api/visits', visit(id, { note: '#reject' }));
    const few = await makeTasks(session, bad, 3);
    const many = await makeTasks(session, worse, 90);
    await ask(session, 'POST', `/api/visits/${bad}/close`);
    const first = await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(first).toMatchObject({ failed: 2, uploaded: 0 });
    expect(new Set(await stateOf(session, [...few, ...many]))).toEqual(new Set(['blocked']));
    await ask(session, 'PATCH', `/api/visits/${bad}`, { note: 'mended' });
    expect(new Set(await stateOf(session, few))).toEqual(new Set(['pending']));
    expect(new Set(await stateOf(session, many))).toEqual(new Set(['blocked']));
    const second = await session.engine.synchronize('two', { mode: 'unsynchronized', onPartial: 'return' });
    expect(second).toMatchObject({ uploaded: 4, commands: 1 });
    expect(new Set(await stateOf(session, many))).toEqual(new Set(['blocked']));
    const failures = await valueOf(page.failures({}));
    expect(failures.map(({ key, retriable }) => [key, retriable]).sort()).toEqual(
      [
        [bad, false],
        [worse, true],
      ].sort(),
    );
  });

  it('is released by the key that the server made for the record', async () => {
    const { session } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    const bad = await ask(session, 'POST', '/api/tasks', { title: '', visitId: id });
    const key = Number(bad.record['id']);
    await ask(session, 'POST', `/api/tasks/${String(key)}/complete`);
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect((await see(session, 'tasks', key)).detail).toBe('rejected');
    await ask(session, 'PATCH', `/api/tasks/${String(key)}`, { title: 'mended' });
    const result = await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ outcome: 'finished', uploaded: 1, commands: 1 });
  });

  it('is released where a held change is given up for the server’s newer copy (K-04, N-2)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('setup', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'held' });
    await ask(session, 'POST', `/api/visits/${id}/close`);
    await valueOf(page.setStatus('visits', 0, `id = "${id}"`, {}));
    const other = await openDevice(fixture);
    await ask(other.session, 'PUT', `/api/visits/${id}`, visit(id, { note: 'theirs' }));
    await other.session.engine.synchronize('theirs', {});
    await session.engine.synchronize('one', { onPartial: 'return' });
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'theirs' });
    expect(await valueOf(page.pending())).toMatchObject({ total: 1, sendable: 1 });
  });
});
