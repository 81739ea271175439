import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** Runs once, and counts its uploads; the network fails where there is no end of them. */
async function uploadsOf({ device, session }: Opened): Promise<number> {
  let uploads = 0;
  device.network = (path, forward) => {
    if (path === '/sync/upload') uploads += 1;
    return uploads > 9 ? Promise.reject(new TypeError('too many')) : forward();
  };
  await session.engine.synchronize(randomUUID(), { mode: 'unsynchronized', onPartial: 'return' });
  return uploads;
}

describe('What was made before an atomic group, and refers to a record that it makes', () => {
  it('goes with the group where another of it refers to that in turn (N-1, N-7c)', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const id = randomUUID();
    const { record } = await ask(session, 'POST', '/api/tasks', { title: 'first', visitId: id });
    const first = Number(record['id']);
    const requests: readonly GroupRequest[] = [
      { method: 'POST', url: '/api/visits', body: visit(id, { note: '#reject' }) },
      { method: 'POST', url: '/api/tasks', body: { title: 'second', visitId: id, afterId: first } },
    ];
    await valueOf(page.group(requests, {}));
    expect(await uploadsOf(opened)).toBe(1);
    expect((await see(session, 'visits', id)).detail).toBe('rejected');
    expect((await see(session, 'tasks', first)).detail).toBe('blocked');
    expect(await uploadsOf(opened)).toBe(0);
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'mended' });
    expect(await uploadsOf(opened)).toBe(1);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });

  it('goes on in the group that has a later change of it, where the server does not take it alone (N-1, N-7d)', async () => {
    const opened = await openDevice(fixture);
    const { session, page } = opened;
    const [id, line] = [randomUUID(), randomUUID()];
    await ask(session, 'POST', '/api/lines', { id: line, visitId: id, productCode: 1, quantity: 1, price: 1 });
    const requests: readonly GroupRequest[] = [
      { method: 'POST', url: '/api/visits', body: visit(id) },
      { method: 'PATCH', url: `/api/lines/${line}`, body: { quantity: 2 } },
    ];
    await valueOf(page.group(requests, {}));
    expect(await uploadsOf(opened)).toBe(2);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
    expect(await (await fixture.fetch(`/api/lines/${line}`)).json()).toMatchObject({ visitId: id, quantity: 2 });
  });
});
