import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import { readFailures } from '../../sw/store/failures.ts';
import type { ConflictCopies, ConflictPolicy } from '../../sw/store/schema.ts';
import { readState, findObstacle } from '../../sw/sync/state.ts';
import { storeClose } from './close-command.ts';
import { see, write, type Device } from './engine-fixture.ts';
import { network, openDevice, visit } from './engine-page.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const send = { mode: 'unsynchronized' } as const;

async function onServer(id: string): Promise<JsonObject | null> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 404 || !isJsonObject(body) ? null : body;
}

/** What is sent from here on, change by change; the answers come as the given network lets them. */
function watchUploads(device: Device, then: Device['network'] = network): JsonObject[] {
  const sent: JsonObject[] = [];
  device.network = (path, forward, headers, method, body) => {
    if (path === '/sync/upload' && typeof body === 'string')
      sent.push(...arrayOf(asObject(asJson(body))['changes']).map(asObject));
    return then(path, forward, headers, method, body);
  };
  return sent;
}

/** Answers uploads with a status. */
function answering(status: number, headers: Record<string, string> = {}): Device['network'] {
  return (path, forward) =>
    path === '/sync/upload' ? Promise.resolve(Response.json({ title: 'not now' }, { status, headers })) : forward();
}

describe('an upload', () => {
  it('coalesces a thousand edits of fifty records into fifty changes (U-12)', async () => {
    const { device, session } = await openDevice(fixture);
    const ids = Array.from({ length: 50 }, () => randomUUID());
    for (let edit = 0; edit < 20; edit += 1)
      for (const id of ids) await write(session, 'visits', id, visit(id, { note: `edit ${edit}` }));
    const sent = watchUploads(device);
    expect(await session.engine.synchronize('call', send)).toMatchObject({ uploaded: 50 });
    expect(sent.map(({ key }) => key)).toEqual(ids);
    expect(await onServer(ids[0] ?? '')).toMatchObject({ note: 'edit 19' });
  });

  it('of an edit, a command and an edit of the same record sends three things in that order (U-12)', async () => {
    const { device, session } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id, { note: 'before' }));
    await storeClose(session, id);
    await write(session, 'visits', id, visit(id, { note: 'after' }));
    const sent = watchUploads(device);
    await session.engine.synchronize('call', send);
    expect(sent.map(({ type, record }) => [type, isJsonObject(record) ? record['note'] : null])).toEqual([
      ['create', 'before'],
      ['command', null],
      ['update', 'after'],
    ]);
    expect(await onServer(id)).toMatchObject({ note: 'after', status: 'closed' });
  });

  it('whose answer breaks off settles nothing of its batch, and is sent again whole, under the same ids (U-02)', async () => {
    const { device, session } = await openDevice(fixture);
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of ids) await write(session, 'visits', id, visit(id));
    const sent = watchUploads(device, async (_path, forward) => {
      const text = await (await forward()).text();
      return new Response(text.slice(0, text.length / 2), { headers: { 'Content-Type': 'application/json' } });
    });
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ retryable: true });
    for (const id of ids) expect((await see(session, 'visits', id)).detail).toBe('in-flight');
    const again = watchUploads(device);
    expect(await session.engine.synchronize('again', send)).toMatchObject({ uploaded: 3, failed: 0 });
    expect(again).toEqual(sent);
  });

  it('in which records are refused settles each by itself: the others are taken (U-02)', async () => {
    const { session } = await openDevice(fixture);
    const [bad, good, marked, other] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    await write(session, 'visits', good, visit(good));
    await write(session, 'visits', marked, visit(marked, { note: '#reject' }));
    await write(session, 'visits', other, visit(other));
    expect(await session.engine.synchronize('call', send)).toMatchObject({ uploaded: 2, failed: 2 });
    const details = await Promise.all([bad, good, marked, other].map((id) => see(session, 'visits', id)));
    expect(details.map(({ detail }) => detail)).toEqual(['rejected', 'clean', 'rejected', 'clean']);
    const failures = await readFailures(session.database, { limit: 10, offset: 0 });
    expect(failures.map(({ key, code }) => [key, code]).sort()).toEqual(
      [
        [bad, 'validation'],
        [marked, 'hook'],
      ].sort(),
    );
  });

  it.each([408, 425, 429, 500, 503])('answered with %i is tried again, under the same ids (U-09)', async (status) => {
    const { device, session } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    const sent = watchUploads(device, answering(status));
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ code: 'server', retryable: true });
    expect(await findObstacle(session)).toMatchObject({ type: 'backing-off', code: 'server' });
    const again = watchUploads(device);
    expect(await session.engine.synchronize('again', send)).toMatchObject({ uploaded: 1 });
    expect(again).toEqual(sent);
    expect((await findObstacle(session)).type).toBe('nothing-to-do');
  });

  it.each([
    ['seconds', () => '600'],
    ['a date', () => new Date(Date.now() + 600_000).toUTCString()],
  ])('waits as long as Retry-After says in %s, also over the death of the worker (U-09)', async (_form, header) => {
    const { device, worker, session } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = answering(503, { 'Retry-After': header() });
    await expect(session.engine.synchronize('call', send)).rejects.toMatchObject({ code: 'server' });
    worker.kill();
    device.network = network;
    const next = await device.startWorker().sessions.current();
    for (const trigger of ['timer', 'start', 'online'] as const)
      expect(await next.engine.requestRun(trigger)).toBe(false);
    device.advance(580_000);
    expect(await next.engine.requestRun('timer')).toBe(false);
    device.advance(100_000);
    expect(await next.engine.requestRun('timer')).toBe(true);
    expect(await onServer(id)).not.toBeNull();
  });

  it('that finds no network waits longer each time, and a next worker knows how long (U-09)', async () => {
    const { device, worker, session } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = () => Promise.reject(new TypeError('no network'));
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await expect(session.engine.synchronize(`call-${attempt}`, send)).rejects.toMatchObject({ code: 'network' });
      const obstacle = await findObstacle(session);
      const until = obstacle.type === 'backing-off' ? obstacle.until : 0;
      waits.push(Math.round((until - session.environment.now()) / 100) * 100);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    worker.kill();
    device.network = network;
    const next = await device.startWorker().sessions.current();
    expect(await next.engine.requestRun('timer')).toBe(false);
    device.advance(5_000);
    expect(await next.engine.requestRun('timer')).toBe(true);
    expect((await see(next, 'visits', id)).detail).toBe('clean');
  });

  it('that needs credentials keeps everything, is refused to every trigger, and resumes on new ones (U-10)', async () => {
    const { device, worker, session } = await openDevice(fixture);
    const id = randomUUID();
    await write(session, 'visits', id, visit(id));
    device.network = answering(401);
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'auth-required' });
    expect(device.events.filter(({ type }) => type === 'auth-required')).toHaveLength(1);
    device.network = network;
    for (const trigger of ['timer', 'write', 'online', 'visible', 'live'] as const)
      expect(await session.engine.requestRun(trigger)).toBe(false);
    expect(await readState(session)).toMatchObject({ authRequired: true, pending: 1 });
    expect(await findObstacle(session)).toEqual({ type: 'auth-required' });
    const signedIn = await worker.signIn('ana');
    expect(await signedIn.engine.requestRun('start')).toBe(true);
    expect(await readState(signedIn)).toMatchObject({ authRequired: false, pending: 0 });
    expect(await onServer(id)).not.toBeNull();
  });

  it('comes before the download, whatever became of it; after a network fault nothing is downloaded (D-01)', async () => {
    const { device, session } = await openDevice(fixture);
    const asked: string[] = [];
    const [good, bad] = [randomUUID(), randomUUID()];
    await write(session, 'visits', bad, visit(bad, { rating: 9 }));
    await write(session, 'visits', good, visit(good));
    device.network = (path, forward) => {
      asked.push(path);
      return path === '/sync/upload' ? Promise.reject(new TypeError('no network')) : forward();
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    expect(asked).toEqual(['/sync/upload']);
    asked.length = 0;
    device.network = (path, forward) => {
      asked.push(path);
      return forward();
    };
    expect(await session.engine.synchronize('again', {})).toMatchObject({ outcome: 'partial', uploaded: 1 });
    expect(asked.lastIndexOf('/sync/upload')).toBeLessThan(asked.indexOf('/sync/download'));
    expect(asked).toContain('/sync/download');
  });
});

/** Both sides change a visit that both know; gives what is then here, there, and among the failures. */
async function conflict(
  policy: ConflictPolicy,
): Promise<{ here: Awaited<ReturnType<typeof see>>; there: JsonObject | null; failed: unknown[] }> {
  const { session } = await openDevice(fixture, { visits: { path: '/api/visits', key: 'id', conflict: policy } });
  const id = randomUUID();
  await write(session, 'visits', id, visit(id, { rating: 1 }));
  await session.engine.synchronize('first', {});
  const { record } = await see(session, 'visits', id);
  await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs', date: '2026-04-02' } });
  await write(session, 'visits', id, { ...record, note: 'mine', rating: 5 });
  await session.engine.synchronize('call', send);
  const failed = (await readFailures(session.database, { limit: 10, offset: 0 })).map(({ code, content }) => ({
    code,
    content,
  }));
  return { here: await see(session, 'visits', id), there: await onServer(id), failed };
}

describe('a conflict', () => {
  it('under last-write-wins is settled by what was sent last; fields not edited here stay the server’s (U-05)', async () => {
    const { here, there, failed } = await conflict('last-write-wins');
    expect(there).toMatchObject({ note: 'mine', rating: 5, date: '2026-04-02' });
    expect(here).toMatchObject({ detail: 'clean', record: { note: 'mine', rating: 5, date: '2026-04-02' } });
    expect(failed).toEqual([]);
  });

  it('under server-wins keeps the server’s copy, and the change in a failure (U-05)', async () => {
    const { here, there, failed } = await conflict('server-wins');
    expect(there).toMatchObject({ note: 'theirs', rating: 1 });
    expect(here).toMatchObject({ detail: 'clean', record: { note: 'theirs', rating: 1 } });
    expect(failed).toMatchObject([{ code: 'conflict', content: { note: 'mine', rating: 5 } }]);
  });

  it('under merge takes each side’s fields, and where both changed one, the user’s (U-05)', async () => {
    const { here, there, failed } = await conflict('merge');
    expect(there).toMatchObject({ note: 'mine', rating: 5, date: '2026-04-02' });
    expect(here).toMatchObject({ detail: 'clean', record: { note: 'mine', rating: 5, date: '2026-04-02' } });
    expect(failed).toEqual([]);
  });

  it('under manual keeps both, and changes nothing on the server (U-05)', async () => {
    const { here, there, failed } = await conflict('manual');
    expect(there).toMatchObject({ note: 'theirs', rating: 1 });
    expect(here).toMatchObject({ detail: 'conflict', record: { note: 'mine', rating: 5 } });
    expect(failed).toMatchObject([{ code: 'conflict' }]);
  });

  it('under a function is what that makes of base, local and server’s copy (U-05)', async () => {
    const seen: ConflictCopies[] = [];
    const { here, there } = await conflict((copies) => {
      seen.push(copies);
      return { ...copies.server, rating: 4, note: 'theirs and mine' };
    });
    expect(seen).toMatchObject([
      { table: 'visits', base: { note: 'a note' }, local: { note: 'mine' }, server: { note: 'theirs' } },
    ]);
    expect(there).toMatchObject({ note: 'theirs and mine', rating: 4, date: '2026-04-02' });
    expect(here).toMatchObject({ detail: 'clean', record: { note: 'theirs and mine', rating: 4 } });
  });

  it('under a function that answers server keeps the server’s copy, and the change in a failure (U-05)', async () => {
    const { here, there, failed } = await conflict(() => 'server');
    expect(there).toMatchObject({ note: 'theirs', rating: 1 });
    expect(here).toMatchObject({ detail: 'clean', record: { note: 'theirs' } });
    expect(failed).toMatchObject([{ code: 'conflict', content: { note: 'mine' } }]);
  });
});
