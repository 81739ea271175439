import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** What a sent change is about: the address of a command, else its record. */
function nameOf(change: JsonObject): string {
  const { path, key } = change;
  return typeof path === 'string' ? path : JSON.stringify(key);
}

/** Notes each upload: what was in it, with its outcome. `answer` may change that. */
function noteBatches(
  { device }: Opened,
  answer: (change: JsonObject, outcome: JsonObject) => JsonObject = (_change, outcome) => outcome,
): (readonly (readonly [name: string, outcome: unknown])[])[] {
  const batches: (readonly (readonly [string, unknown])[])[] = [];
  device.network = async (path, forward, _headers, _method, body) => {
    const response = await forward();
    if (path !== '/sync/upload' || typeof body !== 'string') return response;
    const changes = arrayOf(asObject(asJson(body))['changes']).map(asObject);
    const reply = asObject(asJson(await response.text()));
    const outcomes = arrayOf(reply['outcomes']).map((outcome, index) =>
      answer(changes[index] ?? {}, asObject(outcome)),
    );
    batches.push(changes.map((change, index) => [nameOf(change), outcomes[index]?.['type']]));
    return Response.json({ ...reply, outcomes }, { headers: response.headers });
  };
  return batches;
}

async function openWithVisit(conflict: 'merge' | 'server-wins'): Promise<Opened & { readonly id: string }> {
  const opened = await openDevice(fixture, { visits: { path: '/api/visits', key: 'id', conflict } });
  const id = randomUUID();
  await ask(opened.session, 'POST', '/api/visits', visit(id));
  await opened.session.engine.synchronize('setup', {});
  return { ...opened, id };
}

async function run({ session }: Opened, call: string): Promise<void> {
  await session.engine.synchronize(call, { mode: 'unsynchronized', onPartial: 'return' });
}

describe('A command', () => {
  it.each([[[1, { two: 2 }]], [null]])('is sent with the body that it came with: %j', async (body) => {
    const { session, device } = await openDevice(fixture);
    const sent: unknown[] = [];
    device.network = (path, forward, _headers, _method, upload) => {
      if (path === '/sync/upload' && typeof upload === 'string')
        sent.push(...arrayOf(asObject(asJson(upload))['changes']).map((change) => asObject(change)['body']));
      return forward();
    };
    expect((await ask(session, 'POST', `/api/visits/${randomUUID()}/close`, body)).status).toBe(202);
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect(sent).toEqual([body]);
  });

  it('goes behind an earlier change that is merged first (O3, U-12, N-6b)', async () => {
    const opened = await openWithVisit('merge');
    const { session, id } = opened;
    const key = JSON.stringify(id);
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { rating: 2 } });
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'before the command' });
    await ask(session, 'POST', `/api/visits/${id}/close`, {});
    const batches = noteBatches(opened);
    await run(opened, 'one');
    expect(batches).toEqual([[[key, 'conflict']], [[key, 'applied']], [[`/api/visits/${id}/close`, 'applied']]]);
    expect((await see(session, 'visits', id)).detail).toBe('clean');
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 0 });
  });

  it('goes with the create before it, and with changes of other records', async () => {
    const opened = await openWithVisit('merge');
    const { session, id } = opened;
    const made = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(made));
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'another' });
    await ask(session, 'POST', `/api/visits/${made}/close`, {});
    const batches = noteBatches(opened);
    await run(opened, 'one');
    expect(batches).toEqual([
      [
        [JSON.stringify(made), 'applied'],
        [JSON.stringify(id), 'applied'],
        [`/api/visits/${made}/close`, 'applied'],
      ],
    ]);
  });

  it('that the server takes later keeps back what was made on its record after it (O3, U-12, N-6b)', async () => {
    const opened = await openWithVisit('server-wins');
    const { session, id } = opened;
    await ask(session, 'POST', `/api/visits/${id}/close`, {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'after the command' });
    let isBusy = true;
    const batches = noteBatches(opened, (change, outcome) =>
      isBusy && isJsonObject(change) && 'path' in change
        ? { type: 'later', mutationId: outcome['mutationId'] ?? '' }
        : outcome,
    );
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' }).catch(() => undefined);
    expect(batches).toEqual([[[`/api/visits/${id}/close`, 'later']]]);
    isBusy = false;
    await run(opened, 'two');
    expect(batches.slice(1, 3).map(([first]) => first?.[0])).toEqual([`/api/visits/${id}/close`, JSON.stringify(id)]);
  });
});
