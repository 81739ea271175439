import { describe, expect, it } from 'vitest';
import { uploadTo } from './backend-fixture.ts';
import { json, serverThat, type Answer } from './rest-fixture.ts';
import { create, remove, update } from './server-fixture.ts';

const edit = update('visits', { id: 'v', note: 'b' }, { fields: ['note'], baseVersion: '1' });
const made = create('visits', { id: 'v', note: 'b' });
const removal = remove('visits', 'v', '1');

/** Answers writes, and the reading of a record behind them, with these. */
function answering(write: number, read: number): Answer {
  return ({ method }) => (method === 'GET' ? json({ message: 'No.' }, read) : json({ message: 'First.' }, write));
}

describe('A refusal over REST behind which the record is read', () => {
  it.each([
    ['a delete', removal, 412, 'forbidden'],
    ['an update', edit, 412, 'forbidden'],
    ['a create', made, 412, 'forbidden'],
    ['a delete', removal, 500, 'later'],
    ['an update', edit, 500, 'later'],
    ['a create', made, 500, 'later'],
    ['a delete', removal, 200, 'later'],
  ])('is no word that the record is gone where that may not be read (403): %s, %j answered %i', async (...row) => {
    const [, change, status, outcome] = row;
    const answer: Answer = (sent) =>
      status === 200 && sent.method !== 'GET' ? new Response(null) : answering(status, 403)(sent);
    expect((await uploadTo(serverThat(answer).connection, [change])).outcomes).toMatchObject([{ type: outcome }]);
  });

  it.each([404, 410])('is done where a delete’s record is gone (%i)', async (read) => {
    for (const status of [412, 500]) {
      const { outcomes } = await uploadTo(serverThat(answering(status, read)).connection, [removal]);
      expect(outcomes).toMatchObject([{ type: 'applied', record: null }]);
    }
  });

  it.each([
    ['a create', made, 409],
    ['an update', edit, 409],
    ['an update', edit, 412],
    ['a delete', removal, 409],
  ])('stands where the reading is refused too: %s, %j answered %i', async (_name, change, status) => {
    const { outcomes, fault } = await uploadTo(serverThat(answering(status, 400)).connection, [change]);
    expect(fault).toBe(null);
    expect(outcomes).toMatchObject([{ type: 'rejected', message: 'First.' }]);
  });

  it('reads nothing by a temporary key', async () => {
    const { connection, asked } = serverThat(answering(409, 400));
    const { outcomes } = await uploadTo(connection, [{ ...create('tasks', { id: -5, title: 'x' }), temporary: true }]);
    expect(outcomes).toMatchObject([{ type: 'rejected', message: 'First.' }]);
    expect(asked.map(({ method }) => method)).toEqual(['POST']);
  });

  it.each([
    ['an update', edit],
    ['a delete', removal],
  ])('is about something else where the record is the one that was changed: 409 to %s', async (_name, change) => {
    const { connection } = serverThat(({ method }) =>
      method === 'GET'
        ? json({ id: 'v', note: 'a' }, 200, { ETag: '"1"' })
        : json({ message: 'The slot is taken.' }, 409),
    );
    const { outcomes } = await uploadTo(connection, [change]);
    expect(outcomes).toMatchObject([{ type: 'rejected', message: 'The slot is taken.' }]);
  });
});
