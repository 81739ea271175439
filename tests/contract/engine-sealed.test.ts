import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMutationId, type MutationId } from '../../sw/protocol/record.ts';
import { writeCommand } from '../../sw/store/command-write.ts';
import { Device, see, write } from './engine-fixture.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

function newId(): MutationId {
  const id = randomUUID();
  if (!isMutationId(id)) throw new Error('not an id');
  return id;
}

describe('a change that a command sealed', () => {
  it('and the server rejected is mended by an edit, which is sent as the create that it is (U-06, U-12)', async () => {
    const session = await new Device(fixture).startWorker().signIn('ana');
    const id = randomUUID();
    await write(session, 'visits', id, { id, note: '#reject' });
    const [hash, dispatch] = [randomUUID(), randomUUID()];
    const identity = { hash, explicit: false, bodyHash: hash, dispatch, incarnation: 'one' };
    const command = { mutationId: newId(), method: 'POST', path: `/api/visits/${id}/close`, body: {} };
    const waiting = { names: [{ table: 'visits', key: id }], state: 'pending', attempts: 0, madeAt: 1 } as const;
    const scope = { schema: session.schema, sealsAll: true };
    await writeCommand(session.database, { ...command, ...waiting }, identity, scope);
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
    const [hash, dispatch] = [randomUUID(), randomUUID()];
    const identity = { hash, explicit: false, bodyHash: hash, dispatch, incarnation: 'one' };
    const names = [closed, named].map((key) => ({ table: 'visits', key }));
    const command = {
      ...{ mutationId: newId(), method: 'POST', path: `/api/visits/${closed}/close`, body: { then: named }, names },
      ...{ state: 'pending', attempts: 0, madeAt: 1 },
    } as const;
    await writeCommand(session.database, command, identity, { schema: session.schema, sealsAll: false });
    const result = await session.engine.synchronize('two', { mode: 'selected', selection: { visits: [named] } });
    expect(result).toMatchObject({ outcome: 'finished', commands: 1 });
    expect(await (await fixture.fetch(`/api/visits/${closed}`)).json()).toMatchObject({ status: 'closed' });
  });
});
