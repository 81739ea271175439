import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFailures } from '../../sw/store/failures.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see, write } from './engine-fixture.ts';
import { losingUploads, network, openDevice, visit } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const send = { mode: 'unsynchronized', onPartial: 'return' } as const;

/** A new record that the server took, while its answer was lost; then somebody deleted it there. */
async function createdAndDeletedThere(): Promise<{ readonly session: OpenSession; readonly id: string }> {
  const { device, session } = await openDevice(fixture);
  const id = randomUUID();
  await write(session, 'visits', id, visit(id));
  device.network = losingUploads();
  await expect(session.engine.synchronize('lost', send)).rejects.toMatchObject({ code: 'network' });
  device.network = network;
  expect((await fixture.request('DELETE', `/api/visits/${id}`)).status).toBe(204);
  return { session, id };
}

describe('a record that was made here, with its answer lost, and deleted on the server since', () => {
  it('stays deleted (S-06, U-03)', async () => {
    const { session, id } = await createdAndDeletedThere();
    expect(await session.engine.synchronize('again', send)).toMatchObject({ outcome: 'finished', failed: 0 });
    expect((await see(session, 'visits', id)).record).toBeNull();
    expect((await fixture.request('GET', `/api/visits/${id}`)).status).toBe(404);
  });

  it('is not made anew by an edit over it; a failure holds the edit (S-06, U-04, F-01)', async () => {
    const { session, id } = await createdAndDeletedThere();
    await write(session, 'visits', id, visit(id, { note: 'edited since' }));
    expect(await session.engine.synchronize('again', send)).toMatchObject({ outcome: 'partial', failed: 1 });
    expect((await see(session, 'visits', id)).record).toBeNull();
    expect((await fixture.request('GET', `/api/visits/${id}`)).status).toBe(404);
    const [failure] = await readFailures(session.database, { limit: 10, offset: 0 });
    expect(failure).toMatchObject({ code: 'gone', key: id, content: { note: 'edited since' }, retriable: false });
  });
});
