import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { syncState } from '../../support/sync-shapes.ts';
import { ClientPage, until } from './client-page.ts';
import { fine } from './fake-worker.ts';

describe('what a page signed in with', () => {
  let page: ClientPage;
  const provided: unknown[] = [];

  beforeEach(async () => {
    provided.length = 0;
    page = new ClientPage();
    page.workers.methods = {
      provideHeaders: (headers, key) => {
        provided.push([headers, key ?? null]);
        return fine(true);
      },
    };
    await page.open();
  });

  afterEach(() => {
    page.close();
  });

  it('is given again to a worker that asks for it, and forgotten with a sign-out (U-10)', async () => {
    await page.client.signIn({ user: 'ann', headers: { Authorization: 'Bearer 1' }, encryptionKey: 'secret' });
    await page.client.signIn({ user: 'ann', headers: { Authorization: 'Bearer 2' } });
    page.workers.tell({ type: 'credentials-wanted' });
    await until(() => provided.length === 1);
    expect(provided).toEqual([[{ Authorization: 'Bearer 2' }, 'secret']]);
    page.workers.tell({ type: 'credentials-wanted' }, 'bob');
    await page.client.signOut();
    page.workers.tell({ type: 'credentials-wanted' });
    page.workers.tell({ type: 'busy', message: 'the last one' });
    await page.next('busy');
    expect(provided).toHaveLength(1);
  });

  it('of one user is not given for another', async () => {
    await page.client.signIn({ user: 'bob', encryptionKey: 'of bob' });
    await page.client.signIn({ user: 'ann', headers: {} });
    page.workers.tell({ type: 'credentials-wanted' });
    await until(() => provided.length === 1);
    expect(provided).toEqual([[{}, null]]);
  });

  it('is given at once to a worker that is locked, and came up since', async () => {
    await page.client.signIn({ user: 'ann', encryptionKey: 'secret' });
    page.workers.kill();
    page.workers.state = syncState({ user: null, locked: true });
    await page.client.pending();
    await until(() => provided.length === 1);
    expect(provided).toEqual([[null, 'secret']]);
  });
});
