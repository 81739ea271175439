import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { see } from './engine-fixture.ts';
import { holding, network, openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const policies: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id', conflict: 'merge' },
  products: { path: '/api/products', key: 'Code', columns: { Code: 'number' }, conflict: 'server-wins' },
};

function lineOf(visitId: string): JsonObject & { readonly id: string } {
  return { id: randomUUID(), visitId, productCode: 1, quantity: 1, price: 1 };
}

async function isOnServer(table: string, id: string): Promise<boolean> {
  return (await fixture.fetch(`/api/${table}/${id}`)).status === 200;
}

async function detailOf({ session }: Opened, table: string, id: string): Promise<string> {
  return (await see(session, table, id)).detail;
}

/** Two new visits as a group, of which the second is refused for its note, and a line of the first one that is not of the group. */
async function makeFollower(opened: Opened, note: string): Promise<{ first: string; second: string; line: string }> {
  const [first, second] = [randomUUID(), randomUUID()];
  const requests = [visit(first), visit(second, { note })];
  await valueOf(
    opened.page.group(
      requests.map((body) => ({ method: 'POST', url: '/api/visits', body })),
      {},
    ),
  );
  const line = lineOf(first);
  await ask(opened.session, 'POST', '/api/lines', line);
  return { first, second, line: line.id };
}

describe('An atomic group is never sent in part (N-7)', () => {
  it('when a record outside of it refers to one of it: that waits for the group, and goes once it is mended (U-07)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const { first, second, line } = await makeFollower(opened, '#reject');
    await session.engine.synchronize('one', { onPartial: 'return' });
    expect(await isOnServer('visits', first)).toBe(false);
    expect([await detailOf(opened, 'visits', first), await detailOf(opened, 'lines', line)]).toEqual([
      'blocked',
      'blocked',
    ]);
    await session.engine.synchronize('two', { onPartial: 'return' });
    expect(await isOnServer('visits', first)).toBe(false);
    await ask(session, 'PATCH', `/api/visits/${second}`, { note: 'mended' });
    expect(await session.engine.synchronize('three', {})).toMatchObject({ outcome: 'finished', uploaded: 3 });
    expect(await isOnServer('lines', line)).toBe(true);
  });

  it('when what a record outside of it refers to is given up with it: that no longer waits for it (U-07)', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const { line } = await makeFollower(opened, '#reject');
    await session.engine.synchronize('one', { onPartial: 'return' });
    const [failure] = await valueOf(page.failures({}));
    await valueOf(page.discard(failure?.id ?? ''));
    expect(await detailOf(opened, 'lines', line)).toBe('pending');
  });

  it('when a selected record refers to one of it, or one of it is selected (S-03)', async () => {
    const opened = await openDevice(fixture);
    const { session } = opened;
    const { first, second, line } = await makeFollower(opened, 'a note');
    const selection = { lines: [line] };
    await session.engine.synchronize('one', { mode: 'selected', selection, onPartial: 'return' });
    expect([await isOnServer('visits', first), await isOnServer('visits', second)]).toEqual([false, false]);
    expect(await detailOf(opened, 'lines', line)).toBe('blocked');
    await session.engine.synchronize('two', { mode: 'selected', selection: { visits: [second] } });
    expect([await isOnServer('visits', first), await isOnServer('visits', second)]).toEqual([true, true]);
    await session.engine.synchronize('three', { mode: 'selected', selection });
    expect(await isOnServer('lines', line)).toBe(true);
  });

  it('when a record is deleted to which one of it referred before', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const [parent, other] = [randomUUID(), randomUUID()];
    for (const id of [parent, other]) await ask(session, 'POST', '/api/visits', visit(id));
    const line = lineOf(parent);
    await ask(session, 'POST', '/api/lines', line);
    await session.engine.synchronize('one', {});
    const away = {
      method: 'PATCH',
      url: `/api/lines/${line.id}`,
      body: { visitId: other, price: 2 },
    } as const;
    const refused = { method: 'PATCH', url: `/api/visits/${other}`, body: { note: '#reject' } } as const;
    await valueOf(page.group([away, refused], {}));
    await session.engine.synchronize('two', { onPartial: 'return' });
    await ask(session, 'DELETE', `/api/visits/${parent}`);
    await session.engine.synchronize('three', { onPartial: 'return' });
    const there = await fixture.request('GET', `/api/lines/${line.id}`);
    expect(there.body).not.toMatchObject({ visitId: other });
  });

  it.each(['gone there', 'the server’s by its policy'])(
    'when one of it is %s, and another is merged: that waits for the user’s word, too (U-05)',
    async (how) => {
      const opened = await openDevice(fixture, policies);
      const { session, page } = opened;
      const [merged, lost] = [randomUUID(), randomUUID()];
      for (const id of [merged, lost]) await ask(session, 'POST', '/api/visits', visit(id));
      await session.engine.synchronize('one', {});
      const other = how === 'gone there' ? `/api/visits/${lost}` : '/api/products/1';
      const parts = [
        { method: 'PATCH', url: `/api/visits/${merged}`, body: { note: 'together' } },
        { method: 'PATCH', url: other, body: how === 'gone there' ? { note: 'together' } : { Stock: 7 } },
      ] as const;
      await valueOf(page.group(parts, {}));
      await fixture.request('PATCH', `/api/visits/${merged}`, { body: { rating: 2 } });
      if (how === 'gone there') await fixture.request('DELETE', other);
      else await fixture.request('PATCH', other, { body: { Stock: 8 } });
      expect(await session.engine.synchronize('two', { onPartial: 'return' })).toMatchObject({ outcome: 'partial' });
      expect((await fixture.request('GET', `/api/visits/${merged}`)).body).toMatchObject({ note: 'a note', rating: 2 });
      const [left] = (await valueOf(page.failures({}))).filter(({ code }) => code === 'superseded');
      expect(left).toMatchObject({ key: merged, retriable: true, content: { note: 'together', rating: 2 } });
      await valueOf(page.retry(left?.id ?? ''));
      expect(await session.engine.synchronize('three', {})).toMatchObject({ outcome: 'finished', uploaded: 1 });
      expect((await fixture.request('GET', `/api/visits/${merged}`)).body).toMatchObject({
        note: 'together',
        rating: 2,
      });
    },
  );

  it('when one of it lay over an edit that is left to the server’s copy: the others wait for the user’s word (U-05)', async () => {
    const opened = await openDevice(fixture, policies);
    const { device, session, page } = opened;
    const id = randomUUID();
    await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('one', {});
    await ask(session, 'PATCH', '/api/products/2', { Stock: 7 });
    const held = holding('/sync/upload');
    device.network = held.network;
    const run = session.engine.synchronize('two', { onPartial: 'return' });
    await held.reached;
    const parts = [
      { method: 'PATCH', url: `/api/visits/${id}`, body: { note: 'together' } },
      { method: 'PATCH', url: '/api/products/2', body: { Name: 'together' } },
    ] as const;
    await valueOf(page.group(parts, {}));
    await fixture.request('PATCH', '/api/products/2', { body: { Stock: 8 } });
    held.letGo();
    device.network = network;
    await run;
    await session.engine.synchronize('three', { onPartial: 'return' });
    expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ note: 'a note' });
    const failures = await valueOf(page.failures({}));
    expect(failures.map(({ code, table }) => `${table} ${code}`).sort()).toEqual([
      'products conflict',
      'visits superseded',
    ]);
  });

  it('when an edit in a group that was refused is joined with one of it: the others wait for the user’s word', async () => {
    const opened = await openDevice(fixture);
    const { device, session, page } = opened;
    const [both, second] = [randomUUID(), randomUUID()];
    for (const id of [both, second]) await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('one', {});
    const edit = (id: string, body: JsonObject): GroupRequest => ({ method: 'PATCH', url: `/api/visits/${id}`, body });
    await valueOf(page.group([edit(both, { note: '#reject' })], {}));
    const held = holding('/sync/upload');
    device.network = held.network;
    const run = session.engine.synchronize('two', { onPartial: 'return' });
    await held.reached;
    await valueOf(page.group([edit(both, { rating: 2 }), edit(second, { rating: 2 })], {}));
    held.letGo();
    device.network = network;
    await run;
    await session.engine.synchronize('three', { onPartial: 'return' });
    expect((await fixture.request('GET', `/api/visits/${second}`)).body).not.toMatchObject({ rating: 2 });
    expect(await detailOf(opened, 'visits', second)).toBe('rejected');
    await ask(session, 'PATCH', `/api/visits/${both}`, { note: 'mended' });
    const left = (await valueOf(page.failures({}))).find(({ key }) => key === second);
    expect(await valueOf(page.retry(left?.id ?? ''))).toBe(true);
    expect(await session.engine.synchronize('four', {})).toMatchObject({ outcome: 'finished', uploaded: 2 });
    for (const id of [both, second])
      expect((await fixture.request('GET', `/api/visits/${id}`)).body).toMatchObject({ rating: 2 });
  });

  it('when an edit in a group that is merged is joined with one of it: both wait for the user’s word', async () => {
    const opened = await openDevice(fixture, policies);
    const { device, session, page } = opened;
    const [both, second] = [randomUUID(), randomUUID()];
    for (const id of [both, second]) await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('one', {});
    const edit = (id: string, body: JsonObject): GroupRequest => ({ method: 'PATCH', url: `/api/visits/${id}`, body });
    await valueOf(page.group([edit(both, { note: 'first' })], {}));
    await fixture.request('PATCH', `/api/visits/${both}`, { body: { date: '2026-04-05' } });
    const held = holding('/sync/upload');
    device.network = held.network;
    const run = session.engine.synchronize('two', { onPartial: 'return' });
    await held.reached;
    await valueOf(page.group([edit(both, { rating: 2 }), edit(second, { rating: 2 })], {}));
    held.letGo();
    device.network = network;
    await run;
    await session.engine.synchronize('three', { onPartial: 'return' });
    for (const id of [both, second])
      expect((await fixture.request('GET', `/api/visits/${id}`)).body).not.toMatchObject({ rating: 2 });
    for (const { id } of await valueOf(page.failures({}))) expect(await valueOf(page.retry(id))).toBe(true);
    expect(await session.engine.synchronize('four', {})).toMatchObject({ outcome: 'finished', uploaded: 2 });
    const [joined, other] = await Promise.all(
      [both, second].map(async (id) => (await fixture.request('GET', `/api/visits/${id}`)).body),
    );
    expect([joined, other]).toMatchObject([{ note: 'first', rating: 2, date: '2026-04-05' }, { rating: 2 }]);
  });

  it('when one of it names a record that a later one makes: it is refused, and not sent again and again (N-2)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    const requests = [
      { method: 'POST', url: `/api/visits/${id}/close` },
      { method: 'POST', url: '/api/visits', body: visit(id) },
    ] as const;
    await valueOf(page.group(requests, {}));
    expect(await session.engine.synchronize('one', { onPartial: 'return' })).toMatchObject({ outcome: 'partial' });
    expect(await isOnServer('visits', id)).toBe(false);
    expect(await valueOf(page.failures({}))).toMatchObject([{ operation: 'command', code: 'gone' }]);
  });

  it('when one of it refers to a refused one: mending that one is enough (U-07)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    const line = lineOf(id);
    const requests = [
      { method: 'POST', url: '/api/visits', body: visit(id, { note: '#reject' }) },
      { method: 'POST', url: '/api/lines', body: line },
    ] as const;
    await valueOf(page.group(requests, {}));
    await session.engine.synchronize('one', { onPartial: 'return' });
    expect(await valueOf(page.failures({}))).toMatchObject([{ key: id }]);
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'mended' });
    expect(await session.engine.synchronize('two', {})).toMatchObject({ outcome: 'finished', uploaded: 2 });
    expect(await isOnServer('lines', line.id)).toBe(true);
  });

  it('when one of it is cleared by force: the others wait for the user’s word (R-02)', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const [cleared, other] = [randomUUID(), randomUUID()];
    for (const id of [cleared, other]) await ask(session, 'POST', '/api/visits', visit(id));
    await session.engine.synchronize('one', {});
    const edit = (id: string): { method: 'PATCH'; url: string; body: JsonObject } => {
      return { method: 'PATCH', url: `/api/visits/${id}`, body: { note: 'together' } };
    };
    await valueOf(page.group([edit(cleared), edit(other)], {}));
    await valueOf(page.clear('visits', 'id = :id', { params: { id: cleared }, force: true }));
    await session.engine.synchronize('two', { onPartial: 'return' });
    expect((await fixture.request('GET', `/api/visits/${other}`)).body).toMatchObject({ note: 'a note' });
    expect(await detailOf(opened, 'visits', other)).toBe('rejected');
    const [failure] = await valueOf(page.failures({}));
    expect(failure).toMatchObject({ code: 'superseded', key: other, retriable: true });
    await valueOf(page.retry(failure?.id ?? ''));
    expect(await session.engine.synchronize('three', {})).toMatchObject({ outcome: 'finished', uploaded: 1 });
  });
});
