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

function post(session: OpenSession, fields: readonly (readonly [string, string])[]): Promise<PageAnswer> {
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

  it.each([
    ['size', '9007199254740993'],
    ['size', '1e'],
    ['done', 'yes'],
    ['done', ''],
  ])('is refused where a text would be stored as something else (%s: %j)', async (name, text) => {
    const answer = await post(await open(), [
      ['id', randomUUID()],
      [name, text],
    ]);
    expect(answer.record).toMatchObject({ status: 400, code: 'invalid-body' });
  });

  it.each([
    ['TRUE', true],
    ['on', true],
    ['1', true],
    ['False', false],
    ['0', false],
  ])('takes %s for a boolean', async (text, value) => {
    const answer = await post(await open(), [
      ['id', randomUUID()],
      ['done', text],
    ]);
    expect(answer.record).toMatchObject({ done: value });
  });

  it('gives no file to a record whose file input was left empty', async () => {
    // As browsers send it; Node gives such a file a name.
    const parts = [
      `--edge\r\nContent-Disposition: form-data; name="id"\r\n\r\n${randomUUID()}`,
      '--edge\r\nContent-Disposition: form-data; name="content"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n',
      '--edge--\r\n',
    ];
    const type = 'multipart/form-data; boundary=edge';
    const answer = await askRaw(await open(), 'POST', '/api/photos', parts.join('\r\n'), type);
    expect(answer.status).toBe(201);
    expect(answer.record).not.toHaveProperty('content');
  });
});
