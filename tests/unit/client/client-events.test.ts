import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SyncEventDetails } from '../../../client/sync-client.ts';
import { channelName } from '../../../sw/protocol/api.ts';
import { toPlainError, AuthRequiredError, StorageError } from '../../../sw/protocol/errors.ts';
import { runId, syncProgress, syncResult, syncState } from '../../support/sync-shapes.ts';
import { ClientPage } from './client-page.ts';
import { fine } from './fake-worker.ts';

describe("a page's events", () => {
  let page: ClientPage;
  let heard: string[];

  beforeEach(() => {
    page = new ClientPage();
    heard = [];
    const types = [
      'started',
      'progress',
      'finished',
      'auth-required',
      'storage-reset',
      'state',
      'changed',
      'busy',
    ] as const;
    for (const type of types) page.client.addEventListener(type, () => heard.push(type));
  });

  afterEach(() => {
    page.close();
  });

  /** Everything told before has been looked at: hints are checked in their order. */
  async function settled(): Promise<void> {
    const last = page.next('pending');
    page.workers.tell({ type: 'pending', pending: 0 });
    await last;
  }

  it('begin with the state for a tab that opens in the middle of a run', async () => {
    page.workers.state = syncState({
      syncing: true,
      run: { id: runId('run-1'), mode: 'all', trigger: 'write', startedAt: 0 },
      progress: syncProgress('run-1', 'download', 40),
    });
    const progress = page.next('progress');
    await page.open();
    expect(await progress).toMatchObject({ phase: 'download', done: 40 });
    expect(heard).toEqual(['state', 'started', 'progress']);
  });

  it('wait until whoever connects could listen', async () => {
    await page.client.open();
    expect(heard).toEqual([]);
    page.clock.advance(0);
    expect(heard).toEqual(['state']);
  });

  it('tell the end of a run as the worker tells it, not as the channel does', async () => {
    await page.open();
    page.workers.state = syncState({ lastResult: syncResult('run-1', { uploaded: 3 }) });
    const finished = page.next('finished');
    page.workers.tell({ type: 'finished', result: syncResult('run-1', { uploaded: 999 }) });
    expect((await finished).uploaded).toBe(3);
  });

  it('tell the end of a run after which another one ended already', async () => {
    page.workers.methods.history = () => fine([syncResult('run-2'), syncResult('run-1', { uploaded: 3 })]);
    await page.open();
    page.workers.state = syncState({ lastResult: syncResult('run-2') });
    const finished = page.next('finished');
    page.workers.tell({ type: 'finished', result: syncResult('run-1') });
    expect((await finished).uploaded).toBe(3);
  });

  it('do not tell the end of a run, a lost database or a wanted sign-in that the worker knows nothing of', async () => {
    page.workers.state = syncState({ ready: true });
    await page.open();
    heard.length = 0;
    page.workers.tell({ type: 'finished', result: syncResult('forged') });
    page.workers.tell({ type: 'storage-reset', error: toPlainError(new StorageError('gone')) });
    page.workers.tell({ type: 'auth-required', error: toPlainError(new AuthRequiredError('sign in')) });
    await settled();
    expect(heard).toEqual([]);
  });

  it('tell a lost database and a wanted sign-in as errors', async () => {
    await page.open();
    page.workers.state = syncState({
      authRequired: true,
      storageReset: toPlainError(new StorageError('gone', { details: { atLeast: 3 } })),
    });
    const reset = page.next('storage-reset');
    const wanted = page.next('auth-required');
    page.workers.tell({ type: 'storage-reset', error: toPlainError(new StorageError('forged')) });
    page.workers.tell({ type: 'auth-required', error: toPlainError(new AuthRequiredError('sign in')) });
    expect((await reset).details).toEqual({ atLeast: 3 });
    expect(await wanted).toBeInstanceOf(AuthRequiredError);
  });

  it('of another user are dropped', async () => {
    await page.open();
    heard.length = 0;
    page.workers.tell({ type: 'changed', source: 'local', tables: {} }, 'bob');
    page.workers.tell({ type: 'started', run: runId('run-1'), mode: 'all', trigger: 'call' }, 'bob');
    await settled();
    expect(heard).toEqual([]);
  });

  it('do not say by themselves who is signed in', async () => {
    await page.open();
    const told = page.next('state');
    page.workers.tell({ type: 'state', state: syncState({ user: 'mallory' }) }, 'mallory');
    expect((await told).user).toBe('ann');
    page.workers.state = syncState({ user: 'bob' });
    const really = page.next('state');
    page.workers.tell({ type: 'state', state: syncState({ user: 'bob' }) }, 'bob');
    expect((await really).user).toBe('bob');
  });

  it('come from nothing that is not an event', async () => {
    await page.open();
    heard.length = 0;
    const channel = new BroadcastChannel(channelName(page.workers.name));
    const junk: unknown[] = [
      null,
      'started',
      { type: 'started' },
      { holdfast: 2, user: 'ann', event: { type: 'busy', message: 'x' } },
      { holdfast: 1, user: 'ann', event: { type: 'toString' } },
      { holdfast: 1, user: 'ann', event: { type: 'progress', progress: null } },
      { holdfast: 1, user: 'ann', event: { type: 'finished', result: {} } },
      { holdfast: 1, user: 'ann', event: { type: 'changed', source: 'local', tables: null } },
      { holdfast: 1, user: 'ann', event: { type: 'state', state: {} } },
    ];
    for (const message of junk) channel.postMessage(message);
    const busy = page.next('busy');
    channel.postMessage({ holdfast: 1, user: 'ann', event: { type: 'busy', message: 'real' } });
    expect((await busy).message).toBe('real');
    expect(heard).toEqual(['busy']);
    channel.close();
  });

  it('tell no progress of a run after its end', async () => {
    await page.open();
    page.workers.state = syncState({ lastResult: syncResult('run-1') });
    heard.length = 0;
    page.workers.tell({ type: 'finished', result: syncResult('run-1') });
    page.workers.tell({ type: 'progress', progress: syncProgress('run-1', 'apply', 1) });
    await settled();
    expect(heard).toEqual(['finished']);
  });

  it('go on from a killed worker to the next one', async () => {
    await page.open();
    page.workers.kill();
    const changed: Promise<SyncEventDetails['changed']> = page.next('changed');
    page.workers.tell({ type: 'changed', source: 'server', tables: { visits: { changed: ['v1'], removed: [] } } });
    page.clock.advance(30);
    expect((await changed).tables['visits']?.changed).toEqual(['v1']);
  });

  it('make the page ready when the first download is complete', async () => {
    await page.open();
    let ready = false;
    void page.client.ready.then(() => {
      ready = true;
    });
    await settled();
    expect(ready).toBe(false);
    page.workers.tell({ type: 'state', state: syncState({ ready: true }) });
    await page.client.ready;
    expect(ready).toBe(true);
  });

  it('stop on close', async () => {
    await page.open();
    heard.length = 0;
    await settled();
    page.client.close();
    const other = new BroadcastChannel(channelName(page.workers.name));
    const arrived = new Promise((resolve) => {
      other.onmessage = resolve;
    });
    page.workers.tell({ type: 'busy', message: 'late' });
    await arrived;
    other.close();
    expect(heard).toEqual([]);
  });
});
