import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isMutationId } from '../../sw/protocol/record.ts';
import { createBase } from '../../sw/store/base.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { RequestIdentity } from '../../sw/store/requests.ts';
import type { WriteResult } from '../../sw/store/record-write.ts';
import { writeRecord } from '../../sw/store/write.ts';

function open(): Database {
  return createDatabase({ name: randomUUID(), signal: new AbortController().signal });
}

function click(incarnation: string, more: Partial<RequestIdentity> = {}): RequestIdentity {
  return {
    hash: 'tab:POST /api/visits',
    explicit: false,
    bodyHash: 'body',
    dispatch: randomUUID(),
    incarnation,
    ...more,
  };
}

function post(database: Database, request: RequestIdentity, now: number): Promise<WriteResult> {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  return writeRecord(
    database,
    createBase(),
    {
      table: 'visits',
      key: randomUUID(),
      operation: 'create',
      content: () => '{"note":"a"}',
      keyIsNew: true,
      mutationId,
      schema: 1,
      request,
      answer: ({ text }) => ({ status: 201, body: text, location: null }),
    },
    now,
  );
}

function count(database: Database): Promise<number> {
  return database.read(['changes'], (tx) => tx.objectStore('changes').count());
}

describe('one click (SPEC Q-1, Q-2)', () => {
  it('that the browser dispatches again to the next worker is one record, with the same answer', async () => {
    const database = open();
    expect((await post(database, click('first'), 1000)).type).toBe('stored');
    const again = await post(database, click('second'), 1005);
    expect(again).toMatchObject({ type: 'repeated', row: { status: 201, body: '{"note":"a"}' } });
    expect(await count(database)).toBe(1);
  });

  it('is another than an equal one that the same worker meets', async () => {
    const database = open();
    await Promise.all([post(database, click('first'), 1000), post(database, click('first'), 1000)]);
    expect(await count(database)).toBe(2);
  });

  it('serves one repeat only: two clicks that are both dispatched again are two records', async () => {
    const database = open();
    await post(database, click('first'), 1000);
    await post(database, click('first'), 1000);
    expect((await post(database, click('second'), 1005)).type).toBe('repeated');
    expect((await post(database, click('second'), 1006)).type).toBe('repeated');
    expect((await post(database, click('second'), 1007)).type).toBe('stored');
    expect(await count(database)).toBe(3);
  });

  it('is a new one after ten seconds', async () => {
    const database = open();
    await post(database, click('first'), 1000);
    expect((await post(database, click('second'), 12_000)).type).toBe('stored');
  });

  it('under an explicit key is stored once, and the key serves no other body', async () => {
    const database = open();
    const explicit = { hash: 'key-1', explicit: true };
    expect((await post(database, click('first', explicit), 1000)).type).toBe('stored');
    expect((await post(database, click('first', explicit), 2000)).type).toBe('repeated');
    expect((await post(database, click('first', { ...explicit, bodyHash: 'other' }), 3000)).type).toBe(
      'request-changed',
    );
    expect(await count(database)).toBe(1);
  });
});
