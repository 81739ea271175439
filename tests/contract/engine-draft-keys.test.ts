import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordKey } from '../../sw/protocol/record.ts';
import { noNetwork, openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

async function withVisit(): Promise<Opened & { readonly visitId: string }> {
  const opened = await openDevice(fixture);
  const visitId = randomUUID();
  await ask(opened.session, 'POST', '/api/visits', visit(visitId));
  return { ...opened, visitId };
}

function tasksOf(visitId: string): Promise<readonly Record<string, unknown>[]> {
  const query = 'select id, title, "afterId" from tasks where "visitId" = $1 order by id';
  return fixture.server.database.query(query, [visitId]);
}

async function makeTask({ session, visitId }: Opened & { visitId: string }, title: string): Promise<RecordKey> {
  const { record } = await ask(session, 'POST', '/api/tasks', { title, visitId });
  return Number(record['id']);
}

describe('A key that no address can name', () => {
  it.each(['.', '..', '\ud800'])('is refused of a draft, before anything is stored (%j)', async (key) => {
    const { page } = await openDevice(fixture);
    expect(await page.draft('visits', visit(key))).toMatchObject({ ok: false, error: { code: 'invalid-key' } });
    expect(await page.commit('visits', key)).toMatchObject({ ok: false, error: { code: 'invalid-key' } });
    expect(await valueOf(page.drafts('visits'))).toEqual([]);
  });

  it('keeps a change of a file of unsent work as a failure `schema`: sent, it would name another address (I-4)', async () => {
    const [one, two] = [await openDevice(fixture), await openDevice(fixture)];
    const id = randomUUID();
    await ask(one.session, 'POST', '/api/visits', visit(id, { note: 'kept' }));
    const own = asObject(asJson((await valueOf(one.page.exportUnsent())).replaceAll(id, '..')));
    const { app = null } = asObject(asJson(await valueOf(two.page.exportUnsent())));
    await valueOf(two.page.importUnsent(JSON.stringify({ ...own, app })));
    expect(await valueOf(two.page.failures({}))).toMatchObject([{ code: 'schema', content: { note: 'kept' } }]);
    expect(await valueOf(two.page.pending())).toMatchObject({ total: 0 });
  });
});

describe('A draft where the server makes the keys (U-08)', () => {
  it('of a new record has a temporary key until it was committed and sent, offline too', async () => {
    const { session, page, device, visitId } = await withVisit();
    device.network = noNetwork;
    const draft = await valueOf(page.draft('tasks', { title: 'begun', visitId }));
    expect(draft).toMatchObject({ isNew: true, record: { title: 'begun' } });
    expect(Number(draft.key)).toBeLessThan(0);
    await valueOf(page.draft('tasks', { ...draft.record, title: 'finished' }));
    device.network = (_path, forward) => forward();
    await valueOf(page.commit('tasks', draft.key));
    await session.engine.synchronize('one', {});
    expect(await tasksOf(visitId)).toMatchObject([{ title: 'finished' }]);
  });

  it('is edited, committed and given up by the key of before the upload', async () => {
    const opened = await withVisit();
    const { session, page, visitId } = opened;
    const [kept, given] = [await makeTask(opened, 'kept'), await makeTask(opened, 'given up')];
    for (const id of [kept, given]) await valueOf(page.draft('tasks', { id, visitId, title: 'edited' }));
    await session.engine.synchronize('one', {});
    const edited = await valueOf(page.draft('tasks', { id: kept, visitId, title: 'edited twice', afterId: given }));
    expect(Number(edited.key)).toBeGreaterThan(0);
    expect(await valueOf(page.discardDraft('tasks', given))).toBe(true);
    await valueOf(page.commit('tasks', kept));
    expect(await valueOf(page.drafts('tasks'))).toEqual([]);
    await session.engine.synchronize('two', {});
    const [first, second] = await tasksOf(visitId);
    expect(first).toMatchObject({ id: edited.key, title: 'edited twice', afterId: second?.['id'] });
    expect(second).toMatchObject({ title: 'given up' });
  });

  it('is not made under a key that no record has', async () => {
    const { session, page } = await withVisit();
    await session.engine.synchronize('one', {});
    expect(await page.draft('tasks', { id: 999_999, title: 'mine' })).toMatchObject({
      ok: false,
      error: { code: 'not-found' },
    });
  });
});
