import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../sw/protocol/record.ts';
import { openDevice, valueOf, visit, type Opened } from './engine-page.ts';
import { ask, askRaw } from './page-requests.ts';
import { asJson, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const send = { mode: 'unsynchronized', onPartial: 'return' } as const;

/** Lists in each other. */
function nested(depth: number): Json {
  return asJson('['.repeat(depth) + ']'.repeat(depth));
}

async function codeOf(answer: ReturnType<typeof ask>): Promise<unknown> {
  return (await answer).record['code'];
}

/** The ways in which a page writes, each with the code of its refusal. */
const writes: readonly (readonly [string, (opened: Opened, deep: Json) => Promise<unknown>, string])[] = [
  ['PUT', ({ session }, note) => codeOf(ask(session, 'PUT', '/api/visits/a', visit('a', { note }))), 'invalid-body'],
  ['PATCH', ({ session }, note) => codeOf(ask(session, 'PATCH', '/api/visits/mine', { note })), 'invalid-body'],
  ['command', ({ session }, by) => codeOf(ask(session, 'POST', '/api/visits/mine/close', { by })), 'invalid-body'],
  [
    'draft',
    ({ session }, note) => codeOf(ask(session, 'PATCH', '/api/visits/mine', { note }, { 'Sync-Draft': 'true' })),
    'invalid-body',
  ],
  [
    'form',
    ({ session }, caption) => {
      const form = new FormData();
      form.append('record', JSON.stringify({ id: 'p', visitId: 'mine', caption }));
      return codeOf(askRaw(session, 'POST', '/api/photos', form));
    },
    'invalid-body',
  ],
  [
    'group',
    async ({ page }, note) => {
      const reply = await page.group([{ method: 'PUT', url: '/api/visits/a', body: visit('a', { note }) }], {});
      return reply.ok || reply.error.code;
    },
    'invalid-request',
  ],
  [
    'choice',
    async ({ page }, note) => {
      const reply = await page.resolve('any', visit('a', { note }));
      return reply.ok || reply.error.code;
    },
    'invalid-body',
  ],
];

describe('A body whose values lie too deep in each other', () => {
  it.each(writes)('is refused before success in a %s', async (_name, write, code) => {
    const opened = await openDevice(fixture);
    await ask(opened.session, 'PUT', '/api/visits/mine', visit('mine'));
    for (const depth of [101, 3000]) expect(await write(opened, nested(depth))).toBe(code);
    expect(await valueOf(opened.page.pending())).toMatchObject({ total: 1, commands: 0 });
    expect(await valueOf(opened.page.drafts('visits'))).toEqual([]);
  });

  it('is taken up to a depth of 100, and breaks nothing where the server refuses it', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    expect((await ask(session, 'PUT', `/api/visits/${id}`, visit(id, { note: nested(100) }))).status).toBe(201);
    expect(await session.engine.synchronize('one', send)).toMatchObject({ outcome: 'partial', failed: 1 });
    expect(await session.engine.synchronize('two', send)).toMatchObject({ outcome: 'finished' });
    expect(await valueOf(page.failures({}))).toMatchObject([{ key: id, content: { note: nested(100) } }]);
  });
});
