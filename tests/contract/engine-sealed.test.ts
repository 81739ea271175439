import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeClose } from './close-command.ts';
import { Device, see, write } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

describe('a change that a command sealed', () => {
  it('and the server rejected is mended by an edit, which is sent as the create that it is (U-06, U-12)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, { id, note: '#reject' });
    await storeClose(session, id, { visits: [id] });
    const first = await session.engine.synchronize('one', { mode: 'unsynchronized' });
    expect(first.outcome).toBe('partial');
    expect((await see(session, 'visits', id)).detail).toBe('rejected');
    await write(session, 'visits', id, { id, note: 'mended' });
    const second = await session.engine.synchronize('two', { mode: 'unsynchronized' });
    expect(second).toMatchObject({ outcome: 'finished', uploaded: 1, commands: 1 });
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'clean', record: { note: 'mended' } });
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(200);
  });
  it('travels with the command where a record is selected that the command names by a declared reference (S-03)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const [closed, named] = [randomUUID(), randomUUID()];
    for (const id of [closed, named]) await write(session, 'visits', id, { id, note: 'a note' });
    await session.engine.synchronize('one', {});
    await storeClose(session, closed, { body: { then: named }, visits: [closed, named], sealsAll: false });
    const result = await session.engine.synchronize('two', { mode: 'selected', selection: { visits: [named] } });
    expect(result).toMatchObject({ outcome: 'finished', commands: 1 });
    expect(await (await fixture.fetch(`/api/visits/${closed}`)).json()).toMatchObject({ status: 'closed' });
  });
});
