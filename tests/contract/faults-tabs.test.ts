import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { firstOf, loseAnswer, on, onNth } from '../support/faults/plans.ts';
import { see, signal } from './engine-fixture.ts';
import { FaultStand } from './faults-fixture.ts';

const stand = new FaultStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

describe('a write', () => {
  it('before, during and after the switch of a download: the local value is kept', async () => {
    const client = await stand.client();
    const other = await stand.client();
    const [before = '', during = '', staged = '', after = ''] = await client.makeVisits(4);
    await client.run();
    await other.run();
    const keys = [before, during, staged, after];
    for (const key of keys) await other.write('PATCH', 'visits', key, ['note']);
    await other.run();
    const noteOf = async (key: string): Promise<unknown> => (await see(client.session, 'visits', key)).record?.['note'];
    const written = new Map<string, unknown>();
    const writeNote = async (key: string): Promise<void> => {
      expect(await client.write('PATCH', 'visits', key, ['note'])).toBe(200);
      written.set(key, await noteOf(key));
    };
    const [reached, gate] = [signal(), signal()];
    stand.faults.plan = on('/sync/download', async (passage) => {
      reached.give();
      await gate.given;
      await (await passage.forward()).drip(4, 30);
    });
    await writeNote(before);
    const running = client.run();
    await reached.given;
    await writeNote(during);
    gate.give();
    const meanwhile = writeNote(staged);
    expect(await running).toBe('finished');
    await meanwhile;
    await writeNote(after);
    for (const key of keys) {
      expect(await noteOf(key)).toBe(written.get(key));
      await client.read('visits', key);
    }
    await stand.holds();
  });

  it.each(['edited', 'deleted', 'edited and deleted'])(
    'that is %s while it is in flight: the second effect is sent, rebased',
    async (how) => {
      const client = await stand.client();
      const [known = ''] = await client.makeVisits(1);
      await client.run();
      await client.write('PATCH', 'visits', known, ['note']);
      const [made = ''] = await client.makeVisits(1);
      const [reached, gate] = [signal(), signal()];
      stand.faults.plan = firstOf(
        onNth('/sync/upload', 1, async (passage) => {
          const answer = await passage.forward();
          reached.give();
          await gate.given;
          answer.pass();
        }),
        onNth('/sync/upload', 1, loseAnswer),
      );
      const running = client.run('unsynchronized');
      await reached.given;
      for (const key of [known, made]) {
        if (how !== 'deleted') await client.write('PATCH', 'visits', key, ['note']);
        if (how !== 'edited') await client.write('DELETE', 'visits', key, null);
      }
      gate.give();
      expect(await running).toBe('finished');
      // Answered in time or lost: the second effect comes after the first.
      expect(await client.run()).toMatch(/finished|network/);
      for (const key of [known, made]) {
        const { status } = await stand.fixture.request('GET', `/api/visits/${key}`);
        expect(status).toBe(how === 'edited' ? 200 : 404);
      }
      await stand.holds();
    },
  );
});
