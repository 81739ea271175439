import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveChange } from '../../../client/live-query.ts';
import type { QueryAnswer, QueryOptions } from '../../../sw/protocol/query.ts';
import { EncryptionKeyError, FilterError, SyncError, toPlainError } from '../../../sw/protocol/errors.ts';
import { parseFilter } from '../../../sw/filter/index.ts';
import { queryAnswer, syncState } from '../../support/sync-shapes.ts';
import { ClientPage, until } from './client-page.ts';
import { fine } from './fake-worker.ts';

describe("a page's queries", () => {
  let page: ClientPage;
  let answer: QueryAnswer;
  let wrong: SyncError | null;
  let asked: { readonly table: string; readonly options: QueryOptions }[];
  let changes: LiveChange[];
  const onChange = (change: LiveChange): void => void changes.push(change);

  beforeEach(async () => {
    page = new ClientPage();
    asked = [];
    changes = [];
    wrong = null;
    answer = queryAnswer([
      { id: 'a', stock: 1 },
      { id: 'b', stock: 2 },
    ]);
    page.workers.methods.query = (table, options) => {
      asked.push({ table, options });
      return wrong === null || table !== 'items'
        ? fine(answer)
        : Promise.resolve({ ok: false, error: toPlainError(wrong) });
    };
    await page.open();
  });

  afterEach(() => {
    page.close();
  });

  function tellChanged(table: string): void {
    page.workers.tell({ type: 'changed', source: 'local', tables: { [table]: { changed: null, removed: null } } });
    page.clock.advance(1000);
  }

  /** Everything told before has arrived, and the reads that it caused are over. */
  async function settled(): Promise<void> {
    const last = page.next('pending');
    page.workers.tell({ type: 'pending', pending: 0 });
    await last;
    await page.client.query('settled');
  }

  it('give the records with what is known of them', async () => {
    answer = queryAnswer([{ id: 'a' }], { total: 7, statuses: [{ key: 'a', detail: 'pending' }], notSynchronized: 1 });
    const result = await page.client.query('items', { filter: 'stock < :n', params: { n: 5 }, limit: 1 });
    expect(result).toMatchObject({ records: [{ id: 'a' }], total: 7, statuses: [{ key: 'a', detail: 'pending' }] });
    expect(asked).toEqual([{ table: 'items', options: { filter: 'stock < :n', params: { n: 5 }, limit: 1 } }]);
  });

  it('reject with the whole FilterError (K-09)', async () => {
    const known = new Set(['Name', 'Stock']);
    try {
      parseFilter("Stock > 1 AND Nmae = 'x'", { known });
    } catch (error) {
      wrong = error instanceof FilterError ? error : null;
    }
    const error = await page.client.query('items', {}).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FilterError);
    expect(error).toMatchObject({ code: 'filter', position: 14 });
    expect(error).toMatchObject({
      details: {
        expected: 'a column of the table',
        nearest: 'Name',
        caretLine: "Stock > 1 AND Nmae = 'x'\n              ^",
      },
    });
  });

  it('that are live call back with the first answer, then with what changed', async () => {
    const live = page.client.live('items', { filter: 'stock > 0', onChange });
    expect((await live.ready).total).toBe(2);
    expect(changes[0]).toMatchObject({ added: [{ id: 'a' }, { id: 'b' }], changed: [], removed: [] });
    answer = queryAnswer(
      [
        { id: 'b', stock: 3 },
        { id: 'c', stock: 4 },
      ],
      { total: 2 },
    );
    tellChanged('items');
    await until(() => changes.length === 2);
    expect(changes[1]).toMatchObject({ added: [{ id: 'c' }], changed: [{ id: 'b', stock: 3 }], removed: ['a'] });
    answer = { ...answer, statuses: [{ key: 'c', detail: 'held' }] };
    tellChanged('items');
    await until(() => changes.length === 3);
    expect(changes[2]).toMatchObject({ added: [], changed: [{ id: 'c' }], removed: [] });
  });

  it('that are live say nothing where nothing changed, and read no other table again', async () => {
    await page.client.live('items', { onChange }).ready;
    tellChanged('others');
    await settled();
    expect(asked.filter(({ table }) => table === 'items')).toHaveLength(1);
    answer = { ...answer, downloadedAt: 99 };
    tellChanged('items');
    await settled();
    expect(asked.filter(({ table }) => table === 'items')).toHaveLength(2);
    expect(changes).toHaveLength(1);
  });

  it('that are live go on with the next worker when this one was killed', async () => {
    await page.client.live('items', { onChange }).ready;
    page.workers.kill();
    answer = queryAnswer([{ id: 'z' }]);
    await page.client.query('items');
    await until(() => changes.length === 2);
    expect(changes[1]).toMatchObject({ added: [{ id: 'z' }], removed: ['a', 'b'] });
  });

  it('that are live read again when another user signed in', async () => {
    await page.client.live('items', { onChange }).ready;
    answer = queryAnswer([]);
    page.workers.state = syncState({ user: 'ben' });
    page.workers.tell({ type: 'state', state: page.workers.state });
    await until(() => changes.length === 2);
    expect(changes[1]).toMatchObject({ removed: ['a', 'b'] });
  });

  it('that are live end with close, with their signal, and with the client', async () => {
    const controller = new AbortController();
    const closed = page.client.live('items', { onChange });
    const aborted = page.client.live('items', { onChange, signal: controller.signal });
    await Promise.all([closed.ready, aborted.ready]);
    closed.close();
    closed.close();
    controller.abort();
    const late = page.client.live('items', { onChange, signal: controller.signal });
    answer = queryAnswer([]);
    tellChanged('items');
    await settled();
    expect(changes).toHaveLength(2);
    late.close();
    const last = page.client.live('items', { onChange });
    await last.ready;
    page.client.close();
    tellChanged('items');
    expect(changes).toHaveLength(3);
  });

  it.each([
    new EncryptionKeyError('The database waits for its key.'),
    new SyncError('user-changed', 'Somebody else signed in.'),
  ])('that are live go on behind an error that passes: $code', async (error) => {
    const live = page.client.live('items', { onChange });
    await live.ready;
    wrong = error;
    tellChanged('items');
    await settled();
    wrong = null;
    answer = queryAnswer([{ id: 'z' }]);
    tellChanged('items');
    await until(() => changes.length === 2);
    expect(changes[1]).toMatchObject({ added: [{ id: 'z' }], removed: ['a', 'b'] });
  });

  it('that are live and wrong say so once, and end', async () => {
    wrong = new FilterError('wrong', { position: 0, expected: 'x', caretLine: '' });
    const errors: unknown[] = [];
    const live = page.client.live('items', { onChange, onError: (error) => errors.push(error) });
    await expect(live.ready).rejects.toBeInstanceOf(FilterError);
    tellChanged('items');
    await settled();
    expect(errors).toHaveLength(1);
    expect(changes).toEqual([]);
  });
});
