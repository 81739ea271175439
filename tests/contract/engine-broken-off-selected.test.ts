import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { breakingOff, listening, makeLarge, tables } from './broken-off.ts';
import { see, write } from './engine-fixture.ts';
import { network, openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** A run of one place, which is none of the visits. */
async function selectPlace({ session }: Opened): Promise<void> {
  await session.engine.synchronize('selected', { mode: 'selected', selection: { places: ['AD-1'] } });
}

describe('What a full download has staged that broke off, over a run of selected records of another table (S-03, L-1c)', () => {
  it('is not put in place over what was acknowledged since', async () => {
    const opened = await openDevice(fixture, tables);
    const { device, session } = opened;
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'old' }) });
    await session.engine.synchronize('zero', {});
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', { full: true })).rejects.toMatchObject({ retryable: true });
    device.network = network;
    // So many that they are merged into the leaves.
    for (let count = 0; count < 13; count += 1) {
      await write(session, 'visits', id, visit(id, { note: `mine ${count}` }));
      await session.engine.synchronize(`sent ${count}`, { mode: 'unsynchronized' });
    }
    await vi.waitFor(
      async () => {
        const head = await session.database.read(['heads'], (tx) => session.base.readHead(tx, 'visits'));
        expect(head.segments.length).toBeLessThan(12);
      },
      { timeout: 30_000 },
    );
    await selectPlace(opened);
    expect((await see(session, 'visits', id)).record).toMatchObject({ note: 'mine 12' });
  });

  it('stays, so that the next download goes on with it (D-04)', async () => {
    const opened = await openDevice(fixture, tables);
    const { device, session } = opened;
    await makeLarge(fixture);
    device.network = breakingOff('before');
    await expect(session.engine.synchronize('first', {})).rejects.toMatchObject({ retryable: true });
    const asked = listening(device);
    await selectPlace(opened);
    await session.engine.synchronize('again', {});
    expect(asked[0]?.[0]).toMatchObject({ table: 'visits', resume: {} });
  });

  it('ends no hold (K-04)', async () => {
    const opened = await openDevice(fixture, tables);
    const { device, session, page } = opened;
    const id = randomUUID();
    await fixture.request('POST', '/api/visits', { body: visit(id, { note: 'old' }) });
    await session.engine.synchronize('zero', {});
    await write(session, 'visits', id, visit(id, { note: 'mine' }));
    await valueOf(page.setStatus('visits', 'synchronized', { id }, {}));
    await fixture.request('PATCH', `/api/visits/${id}`, { body: { note: 'theirs' } });
    device.network = breakingOff('behind');
    await expect(session.engine.synchronize('first', { full: true })).rejects.toMatchObject({ retryable: true });
    device.network = network;
    await selectPlace(opened);
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'held', record: { note: 'mine' } });
  });
});
