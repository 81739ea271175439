import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { see } from './engine-fixture.ts';
import { openDevice } from './engine-page.ts';
import { askRaw, type PageAnswer } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const photos: TableOptions = {
  ...{ path: '/api/photos', key: 'id', file: 'content' },
  columns: { size: 'number', done: 'boolean', tags: 'string' },
};

async function open(): Promise<OpenSession> {
  return (await openDevice(fixture, { photos })).session;
}

function post(session: OpenSession, fields: readonly (readonly [string, string | File])[]): Promise<PageAnswer> {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return askRaw(session, 'POST', '/api/photos', form);
}

describe('A form (X-j)', () => {
  it('is refused where a field comes twice, as only one value would be stored', async () => {
    const session = await open();
    const id = randomUUID();
    const twice = await post(session, [
      ['id', id],
      ['tags', 'wet'],
      ['tags', 'cold'],
    ]);
    const beside = await post(session, [
      ['tags', 'wet'],
      ['record', JSON.stringify({ id, tags: 'cold' })],
    ]);
    for (const answer of [twice, beside]) {
      expect(answer.record).toMatchObject({ status: 400, code: 'invalid-body' });
      expect(answer.text).toContain('tags more than once');
    }
    expect((await see(session, 'photos', id)).record).toBeNull();
  });
});
