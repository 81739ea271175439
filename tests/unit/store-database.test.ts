import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { deleteDB } from 'idb';
import { describe, expect, it } from 'vitest';
import { SyncError } from '../../sw/protocol/errors.ts';
import { createDatabase } from '../../sw/store/database.ts';
import { getMeta } from '../../sw/store/meta.ts';

describe('a lost connection', () => {
  it('is not opened again where its sign-in ended meanwhile: what was wiped is not made anew', async () => {
    const [name, ending] = [randomUUID(), new AbortController()];
    const ended = new SyncError('user-changed', 'The sign-in ended.');
    const database = createDatabase({
      name,
      signal: ending.signal,
      beforeReopening: async () => {
        ending.abort(ended);
        await deleteDB(name);
      },
    });
    const read = (): Promise<string | undefined> => database.read(['meta'], (tx) => getMeta(tx, 'epoch'));
    database.expectEpoch((await read()) ?? '');
    // As where site data is cleared: the connection goes.
    await deleteDB(name);
    await expect(read()).rejects.toBe(ended);
    expect((await indexedDB.databases()).map((each) => each.name)).not.toContain(name);
  });
});
