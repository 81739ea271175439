import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../sw/store/schema.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const tables: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id', conflict: 'manual' },
};
const send = { mode: 'unsynchronized', onPartial: 'return' } as const;

/** A visit that was made here and on the server, under one key. */
async function madeTwice(): Promise<Opened & { readonly id: string }> {
  const opened = await openDevice(fixture, tables);
  const id = randomUUID();
  await ask(opened.session, 'PUT', `/api/visits/${id}`, visit(id, { note: 'mine' }));
  await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'theirs', rating: 3 }) });
  await opened.session.engine.synchronize('one', send);
  return { ...opened, id };
}

async function onServer(id: string): Promise<unknown> {
  return (await fixture.request('GET', `/api/visits/${id}`)).body;
}

describe('A new record whose key the server has already, under the policy manual (U-05)', () => {
  it('goes over the server’s when it is retried', async () => {
    const { session, page, id } = await madeTwice();
    const [failure] = await valueOf(page.failures({}));
    expect(await valueOf(page.retry(failure?.id ?? ''))).toBe(true);
    expect(await session.engine.synchronize('two', send)).toMatchObject({ outcome: 'finished', uploaded: 1 });
    expect(await onServer(id)).toMatchObject({ note: 'mine', rating: 3 });
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'mine', rating: 3 } });
  });

  it('is in conflict again when it is edited, until the user has chosen', async () => {
    const { session, page, id } = await madeTwice();
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'mine, edited' });
    await session.engine.synchronize('two', send);
    expect(await onServer(id)).toMatchObject({ note: 'theirs' });
    const [conflict] = await valueOf(page.conflicts());
    expect(conflict).toMatchObject({ key: id, local: { note: 'mine, edited' }, server: { note: 'theirs' } });
    expect(await valueOf(page.retry(conflict?.id ?? ''))).toBe(true);
    expect(await session.engine.synchronize('three', send)).toMatchObject({ outcome: 'finished', uploaded: 1 });
    expect(await onServer(id)).toMatchObject({ note: 'mine, edited' });
  });
});

describe('What is made on a record after a command on it (U-12)', () => {
  async function editedCloseEdited(): Promise<Opened & { readonly id: string }> {
    const opened = await openDevice(fixture, tables);
    const { session } = opened;
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    await session.engine.synchronize('one', send);
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'before' });
    await ask(session, 'POST', `/api/visits/${id}/close`, {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'after' });
    return { ...opened, id };
  }

  it('is not in conflict with what the command made of it', async () => {
    const { session, page, id } = await editedCloseEdited();
    expect(await session.engine.synchronize('two', send)).toMatchObject({ outcome: 'finished' });
    expect(await valueOf(page.failures({}))).toEqual([]);
    expect(await onServer(id)).toMatchObject({ note: 'after', status: 'closed' });
    expect(await see(session, 'visits', id)).toMatchObject({
      detail: 'clean',
      record: { note: 'after', status: 'closed' },
    });
  });

  it('is in conflict with what somebody else made of it before the command', async () => {
    const { session, device, page, id } = await editedCloseEdited();
    let uploads = 0;
    device.network = async (path, forward) => {
      if (path === '/sync/upload' && (uploads += 1) === 2)
        await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
      return forward();
    };
    await session.engine.synchronize('two', send);
    const [conflict] = await valueOf(page.conflicts());
    expect(conflict).toMatchObject({ key: id, local: { note: 'after' }, server: { note: 'theirs', status: 'closed' } });
  });
});
