import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordKey } from '../../sw/protocol/record.ts';
import type { SynchronizeResult } from '../../sw/protocol/run.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { storeClose } from './close-command.ts';
import { write } from './engine-fixture.ts';
import { losingUploads, network, openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { arrayOf, asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function select(
  { session }: Opened,
  selection: Readonly<Record<string, readonly RecordKey[]>>,
): Promise<SynchronizeResult> {
  return session.engine.synchronize(randomUUID(), { mode: 'selected', selection, onPartial: 'return' });
}

/** A new task, by its temporary key, of a visit that the server has. */
async function withTask(): Promise<Opened & { readonly temporary: number }> {
  const opened = await openDevice(fixture);
  const visitId = randomUUID();
  await ask(opened.session, 'POST', '/api/visits', visit(visitId));
  await opened.session.engine.synchronize('setup', {});
  const { record } = await ask(opened.session, 'POST', '/api/tasks', { title: 'Call', visitId });
  return { ...opened, temporary: Number(record['id']) };
}

async function keyOf({ session }: Opened, temporary: number): Promise<number> {
  return Number((await ask(session, 'GET', `/api/tasks/${temporary}`)).record['id']);
}

describe('A selected record that gets its key from the server', () => {
  it('is uploaded with all that was made on it, and has its outcome under that key (S-04, U-08)', async () => {
    const opened = await withTask();
    const { session, page, temporary } = opened;
    await ask(session, 'POST', `/api/tasks/${temporary}/complete`, {});
    await ask(session, 'PATCH', `/api/tasks/${temporary}`, { title: 'Call back' });
    await ask(session, 'POST', `/api/tasks/${temporary}/complete`, {});
    const result = await select(opened, { tasks: [temporary] });
    const key = await keyOf(opened, temporary);
    expect(result).toMatchObject({ outcome: 'finished', commands: 2, skipped: [] });
    expect(result.selected).toMatchObject([
      { table: 'tasks', key, outcome: 'uploaded', record: { title: 'Call back', done: true } },
    ]);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });

  it('goes on where the answer to its create was lost before (U-03, S-04)', async () => {
    const opened = await withTask();
    const { device, session, page, temporary } = opened;
    device.network = losingUploads(1);
    await expect(session.engine.synchronize('lost', { mode: 'unsynchronized' })).rejects.toMatchObject({
      code: 'network',
    });
    device.network = network;
    await ask(session, 'PATCH', `/api/tasks/${temporary}`, { title: 'Call back' });
    const result = await select(opened, { tasks: [temporary] });
    expect(result.selected).toMatchObject([{ outcome: 'uploaded', record: { title: 'Call back' } }]);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });
});

describe('A selection', () => {
  it('brings along what was made before a command of it on another record (S-03, U-12)', async () => {
    const opened = await openDevice(fixture);
    const { device, session, page } = opened;
    const [closed, named] = [randomUUID(), randomUUID()];
    for (const id of [closed, named]) await write(session, 'visits', id, visit(id));
    await session.engine.synchronize('setup', {});
    await write(session, 'visits', named, visit(named, { note: 'before the command' }));
    await storeClose(session, closed, { body: { then: named }, visits: [closed, named], sealsAll: false });
    const sent: unknown[] = [];
    device.network = (path, forward, _headers, _method, body) => {
      if (path === '/sync/upload')
        for (const change of arrayOf(asObject(asJson(String(body)))['changes'])) sent.push(asObject(change)['type']);
      return forward();
    };
    await select(opened, { visits: [closed] });
    expect(sent).toEqual(['update', 'command']);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });

  it('comes to its end where the server names a new record that no declared reference does (N-2, R-11)', async () => {
    const tables: Readonly<Record<string, TableOptions>> = {
      visits: { path: '/api/visits', key: 'id' },
      lines: { path: '/api/lines', key: 'id' },
    };
    const opened = await openDevice(fixture, tables);
    const { device, session, page } = opened;
    const [visitId, id] = [randomUUID(), randomUUID()];
    let uploads = 0;
    device.network = (path, forward) => {
      if (path === '/sync/upload') uploads += 1;
      return uploads > 9 ? Promise.reject(new TypeError('too many')) : forward();
    };
    await ask(session, 'POST', '/api/visits', visit(visitId));
    await ask(session, 'POST', '/api/lines', { id, visitId, productCode: 1, quantity: 1, price: 1 });
    await valueOf(page.setStatus('visits', 0, `id = "${visitId}"`, {}));
    expect((await select(opened, { lines: [id] })).selected).toMatchObject([{ outcome: 'blocked' }]);
    expect(uploads).toBe(1);
    await select(opened, { lines: [id] });
    expect(uploads).toBe(1);
    await valueOf(page.setStatus('visits', 1, `id = "${visitId}"`, {}));
    expect((await select(opened, { lines: [id] })).selected).toMatchObject([{ outcome: 'uploaded' }]);
    expect(await valueOf(page.pending())).toMatchObject({ total: 0 });
  });
});
