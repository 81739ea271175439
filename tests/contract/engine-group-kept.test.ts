import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const later = { date: '2026-12-24' };

/** A device with so many visits that the server has too. */
async function openWithVisits(count: number): Promise<Opened & { readonly ids: readonly string[] }> {
  const opened = await openDevice(fixture);
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) await ask(opened.session, 'POST', '/api/visits', visit(id));
  await opened.session.engine.synchronize('setup', {});
  return { ...opened, ids };
}

function edit(id: string, body: JsonObject): GroupRequest {
  return { method: 'PATCH', url: `/api/visits/${id}`, body };
}

function remove(id: string): GroupRequest {
  return { method: 'DELETE', url: `/api/visits/${id}` };
}

async function run(session: OpenSession, call: string): Promise<void> {
  await session.engine.synchronize(call, { mode: 'unsynchronized', onPartial: 'return' });
}

/** The server's copy; null where it has none. */
async function onServer(id: string): Promise<Json> {
  const { status, body } = await fixture.request('GET', `/api/visits/${id}`);
  return status === 200 ? body : null;
}

describe('An atomic group', () => {
  it('that waits leaves a record that was made anew over its delete (invariant 1)', async () => {
    const { session, page, ids } = await openWithVisits(2);
    const [deleted = '', other = ''] = ids;
    await valueOf(page.group([remove(deleted), edit(other, { note: 'together' })], {}));
    await valueOf(page.setStatus('visits', 0, `id = "${other}"`, {}));
    const answer = await ask(session, 'PUT', `/api/visits/${deleted}`, visit(deleted, { note: 'made anew' }));
    expect(answer.status).toBe(201);
    await run(session, 'one');
    await valueOf(page.setStatus('visits', 1, `id = "${other}"`, {}));
    await run(session, 'two');
    await run(session, 'three');
    expect(await onServer(other)).toMatchObject({ note: 'together' });
    expect(await onServer(deleted)).toMatchObject({ note: 'made anew' });
    expect(await see(session, 'visits', deleted)).toMatchObject({ detail: 'clean', record: { note: 'made anew' } });
  });

  it.each(['before', 'after'])(
    'that is given up leaves what was written over one of its records %s it was refused (invariant 1)',
    async (time) => {
      const { session, page, ids } = await openWithVisits(2);
      const [first = '', second = ''] = ids;
      await valueOf(page.group([edit(first, { note: 'of the group' }), edit(second, { note: '#reject' })], {}));
      const write = async (): Promise<void> => {
        expect((await ask(session, 'PATCH', `/api/visits/${first}`, later)).status).toBe(200);
      };
      if (time === 'before') await write();
      await run(session, 'one');
      if (time === 'after') await write();
      const [failure] = await valueOf(page.failures({}));
      expect(failure).toMatchObject({ key: second });
      await valueOf(page.discard(failure?.id ?? ''));
      await run(session, 'two');
      expect(await onServer(first)).toMatchObject(later);
    },
  );

  it('over a record of a refused one is not sent in part (N-7)', async () => {
    const { session, page, ids } = await openWithVisits(3);
    const [shared = '', refused = '', other = ''] = ids;
    await valueOf(page.group([edit(shared, { note: 'first group' }), edit(refused, { note: '#reject' })], {}));
    await valueOf(page.group([edit(shared, later), edit(other, later)], {}));
    await run(session, 'one');
    await run(session, 'two');
    const [ofShared, ofOther] = [asObject(await onServer(shared)), asObject(await onServer(other))];
    expect(ofShared['date']).toBe(ofOther['date']);
  });

  it('of which a record was cleared by force, and that is given up, leaves what was written since (R-02)', async () => {
    const { session, page, ids } = await openWithVisits(3);
    const [edited = '', other = '', cleared = ''] = ids;
    await valueOf(
      page.group(
        ids.map((id) => edit(id, { note: 'together' })),
        {},
      ),
    );
    await valueOf(page.clear('visits', 'id = :id', { params: { id: cleared }, force: true }));
    expect((await ask(session, 'PATCH', `/api/visits/${edited}`, later)).status).toBe(200);
    const failure = (await valueOf(page.failures({}))).find(({ key }) => key === other);
    await valueOf(page.discard(failure?.id ?? ''));
    await run(session, 'one');
    expect(await onServer(edited)).toMatchObject(later);
  });

  it('loses no delete alone: to drop it is refused, and nothing is changed (N-7, K-11)', async () => {
    const { session, page, ids } = await openWithVisits(2);
    const [deleted = '', other = ''] = ids;
    await valueOf(page.group([remove(deleted), edit(other, { note: 'together' })], {}));
    expect(await page.setStatus('visits', 0, `id = "${deleted}"`, { includeDeleted: true })).toMatchObject({
      ok: false,
      error: { code: 'unsupported' },
    });
    expect(await see(session, 'visits', deleted)).toEqual({ record: null, detail: 'pending' });
    expect(await see(session, 'visits', other)).toMatchObject({ detail: 'pending', record: { note: 'together' } });
    await run(session, 'one');
    expect(await onServer(deleted)).toBeNull();
    expect(await onServer(other)).toMatchObject({ note: 'together' });
  });
});
