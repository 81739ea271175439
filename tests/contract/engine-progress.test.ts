import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readState } from '../../sw/sync/state.ts';
import { Device, signal, write } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function visit(id: string, more: Record<string, string | number> = {}): Record<string, string | number> {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

/** Holds every request of a path until it is let go. */
function holding(held: string): {
  readonly network: Device['network'];
  readonly reached: Promise<void>;
  readonly letGo: () => void;
} {
  const reached = signal();
  const gate = signal();
  const network: Device['network'] = async (path, forward) => {
    if (path === held) {
      reached.give();
      await gate.given;
    }
    return forward();
  };
  return { network, reached: reached.given, letGo: gate.give };
}

describe('the progress of a run', () => {
  it('is there for a tab that opens before the first answer of the upload (S-14, invariant 10)', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    for (const id of [randomUUID(), randomUUID()]) await write(session, 'visits', id, visit(id));
    const held = holding('/sync/upload');
    device.network = held.network;
    const run = session.engine.synchronize('call', {});
    await held.reached;
    expect(await readState(session)).toMatchObject({
      syncing: true,
      progress: { phase: 'upload', table: null, done: 0, total: 2 },
    });
    held.letGo();
    await run;
  });

  it('is there for a tab that opens before the first piece of the download', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const held = holding('/sync/download');
    device.network = held.network;
    const run = session.engine.synchronize('call', {});
    await held.reached;
    expect(await readState(session)).toMatchObject({ syncing: true, progress: { phase: 'download', total: null } });
    held.letGo();
    await run;
  });

  it('is there while what a run before left unanswered is settled, and does not count what is stuck', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    const [stuck, lost] = [randomUUID(), randomUUID()];
    await write(session, 'visits', stuck, visit(stuck, { rating: 9 }));
    await session.engine.synchronize('call', { mode: 'unsynchronized' });
    await write(session, 'visits', lost, visit(lost));
    device.network = () => Promise.reject(new TypeError('no network'));
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    const held = holding('/sync/upload');
    device.network = held.network;
    const run = session.engine.synchronize('call', { mode: 'unsynchronized' });
    await held.reached;
    expect(await readState(session)).toMatchObject({ progress: { phase: 'upload', done: 0, total: 1 } });
    held.letGo();
    expect(await run).toMatchObject({ uploaded: 1 });
  });

  it('never goes back, and goes through the phases in their order', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    for (let index = 0; index < 3; index += 1) {
      const id = randomUUID();
      await write(session, 'visits', id, visit(id));
    }
    await session.engine.synchronize('call', {});
    const told = device.events.flatMap((event) => (event.type === 'progress' ? [event.progress] : []));
    const order = ['files', 'upload', 'download', 'apply', 'contents'];
    const places = told.map(({ phase, done }) => order.indexOf(phase) * 1e9 + done);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(new Set(told.map(({ phase }) => phase)).size).toBeGreaterThanOrEqual(3);
  });
});
