import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupRequest } from '../../sw/protocol/group.ts';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import { storeClose } from './close-command.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** Notes what the device sends, in order: the address of a command, else the table and key of a change. */
function noteSent({ device }: Opened): string[] {
  const sent: string[] = [];
  device.network = (path, forward, _headers, _method, body) => {
    const request: unknown = path === '/sync/upload' && typeof body === 'string' ? JSON.parse(body) : null;
    const changes: unknown = isJsonObject(request) ? request['changes'] : [];
    for (const change of Array.isArray(changes) ? changes : []) {
      if (!isJsonObject(change)) continue;
      const { path: address, table, key } = change;
      const record = [table, key].map((part) => (typeof part === 'object' ? '' : String(part))).join(' ');
      sent.push(typeof address === 'string' ? address : record);
    }
    return forward();
  };
  return sent;
}

async function openWithVisits(
  count: number,
  more: JsonObject = {},
): Promise<Opened & { readonly ids: readonly string[] }> {
  const opened = await openDevice(fixture);
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) await ask(opened.session, 'POST', '/api/visits', visit(id, more));
  await opened.session.engine.synchronize('setup', {});
  return { ...opened, ids };
}

async function run({ session }: Opened, call: string): Promise<void> {
  await session.engine.synchronize(call, { mode: 'unsynchronized', onPartial: 'return' });
}

/** A task that the server has, by its key there. */
async function makeTask(opened: Opened, visitId: string): Promise<number> {
  const { record } = await ask(opened.session, 'POST', '/api/tasks', { title: 'a task', visitId });
  await run(opened, 'with a task');
  return Number((await ask(opened.session, 'GET', `/api/tasks/${Number(record['id'])}`)).record['id']);
}

describe('What is made on a record after a command on it', () => {
  it('waits where the command waits with its group, and goes behind it (U-12, N-6a)', async () => {
    const opened = await openWithVisits(2);
    const { session, page, ids } = opened;
    const [closed = '', held = ''] = ids;
    const sent = noteSent(opened);
    const requests: readonly GroupRequest[] = [
      { method: 'POST', url: `/api/visits/${closed}/close`, body: {} },
      { method: 'PATCH', url: `/api/visits/${held}`, body: { note: 'of the group' } },
    ];
    await valueOf(page.group(requests, {}));
    await valueOf(page.setStatus('visits', 0, `id = "${held}"`, {}));
    await ask(session, 'PATCH', `/api/visits/${closed}`, { note: 'after the command' });
    await ask(session, 'POST', `/api/visits/${closed}/hand-over`, {});
    await run(opened, 'one');
    expect(sent).toEqual([]);
    expect((await see(session, 'visits', closed)).detail).toBe('blocked');
    await valueOf(page.setStatus('visits', 1, `id = "${held}"`, {}));
    await run(opened, 'two');
    const [close, handOver] = [`/api/visits/${closed}/close`, `/api/visits/${closed}/hand-over`];
    expect(sent).toEqual([close, `visits ${held}`, `visits ${closed}`, handOver]);
    expect(await (await fixture.fetch(`/api/visits/${closed}`)).json()).toMatchObject({ note: 'after the command' });
    // The server knows no such command as the last one.
    expect(await valueOf(page.pending())).toMatchObject({ total: 1, sendable: 0 });
  });

  it('goes where the command is refused (invariant 9)', async () => {
    const opened = await openWithVisits(1);
    const [id = ''] = opened.ids;
    await ask(opened.session, 'POST', `/api/visits/${id}/hand-over`, {});
    await ask(opened.session, 'PATCH', `/api/visits/${id}`, { note: 'after the command' });
    await run(opened, 'one');
    await run(opened, 'two');
    expect(await (await fixture.fetch(`/api/visits/${id}`)).json()).toMatchObject({ note: 'after the command' });
  });

  it('is sent with it where the record is selected, whatever else the command names (S-03)', async () => {
    const opened = await openWithVisits(2);
    const { session, ids } = opened;
    const [other = '', selected = ''] = ids;
    await storeClose(session, other, { visits: [other], sealsAll: false });
    await storeClose(session, selected, { visits: [selected, other], sealsAll: false });
    await ask(session, 'PATCH', `/api/visits/${selected}`, { note: 'after the command' });
    const sent = noteSent(opened);
    await session.engine.synchronize('one', { mode: 'selected', selection: { visits: [selected] } });
    expect(sent.slice(0, 2)).toEqual([`/api/visits/${selected}/close`, `visits ${selected}`]);
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 1, sendable: 1 });
  });

  it('and takes its reference to a deleted record away goes behind the command, and the delete behind that (U-01, U-12)', async () => {
    const opened = await openWithVisits(2);
    const { session, page, ids } = opened;
    const [left = '', other = ''] = ids;
    const key = await makeTask(opened, left);
    const sent = noteSent(opened);
    await ask(session, 'DELETE', `/api/visits/${left}`);
    await ask(session, 'POST', `/api/tasks/${key}/complete`, {});
    await ask(session, 'PATCH', `/api/tasks/${key}`, { visitId: other });
    await run(opened, 'one');
    expect(sent).toEqual([`/api/tasks/${key}/complete`, `tasks ${key}`, `visits ${left}`]);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });

  it('and made anew over a delete that waits goes in the same run (R-3)', async () => {
    const opened = await openWithVisits(3);
    const { session, page, ids } = opened;
    const [left = '', other = '', closed = ''] = ids;
    const key = await makeTask(opened, left);
    const sent = noteSent(opened);
    await ask(session, 'DELETE', `/api/visits/${left}`);
    await ask(session, 'POST', `/api/visits/${closed}/close`, {});
    await ask(session, 'POST', `/api/tasks/${key}/complete`, {});
    await ask(session, 'PATCH', `/api/tasks/${key}`, { visitId: other });
    await ask(session, 'PUT', `/api/visits/${left}`, visit(left));
    await run(opened, 'one');
    const commands = [`/api/visits/${closed}/close`, `/api/tasks/${key}/complete`];
    expect(sent).toEqual([...commands, `tasks ${key}`, `visits ${left}`, `visits ${left}`]);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });
});

describe('What was made on a record before a command on it', () => {
  it('goes before the command also where it waits for another record (U-12, N-6a)', async () => {
    const opened = await openWithVisits(1);
    const { session, page, ids } = opened;
    const [visitId = ''] = ids;
    const key = await makeTask(opened, visitId);
    const held = randomUUID();
    const sent = noteSent(opened);
    await ask(session, 'POST', '/api/visits', visit(held));
    await valueOf(page.setStatus('visits', 0, `id = "${held}"`, {}));
    await ask(session, 'PATCH', `/api/tasks/${key}`, { visitId: held });
    await ask(session, 'POST', `/api/tasks/${key}/complete`, {});
    await run(opened, 'one');
    expect(sent).toEqual([]);
    // What is written after the command stays behind it, whatever waits.
    await ask(session, 'PATCH', `/api/tasks/${key}`, { done: false });
    await run(opened, 'two');
    expect(sent).toEqual([]);
    await valueOf(page.setStatus('visits', 1, `id = "${held}"`, {}));
    await run(opened, 'three');
    expect(sent).toEqual([`visits ${held}`, `tasks ${key}`, `/api/tasks/${key}/complete`, `tasks ${key}`]);
    expect(await (await fixture.fetch(`/api/tasks/${key}`)).json()).toMatchObject({ visitId: held, done: false });
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });
});
