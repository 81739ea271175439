import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { deleteDB } from 'idb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createControl, type Binding, type Control } from '../../sw/store/control.ts';

/** The control database of a worker, which knows nothing of one before it. */
function controlOf(name: string, lost: readonly Binding[] = []): Control {
  return createControl(name, () => Promise.resolve(lost), Date.now);
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('the binding of a tab (SPEC G-2)', () => {
  it('is looked up once while nobody signs in, and then goes to the first who does', async () => {
    const name = randomUUID();
    const control = controlOf(name);
    expect(await control.bind('tab', '')).toBe('');
    const transactions = vi.spyOn(IDBDatabase.prototype, 'transaction');
    expect(await control.bind('tab', '')).toBe('');
    expect(transactions).not.toHaveBeenCalled();
    expect(await control.bind('tab', 'ana')).toBe('ana');
    expect(await control.bind('tab', 'ben')).toBe('ana');
    expect(await controlOf(name).bind('tab', 'ben')).toBe('ana');
  });

  it('to nobody by a worker before is kept as it is', async () => {
    const name = randomUUID();
    await controlOf(name).bind('tab', '');
    const puts = vi.spyOn(IDBObjectStore.prototype, 'put');
    const next = controlOf(name);
    expect(await next.bind('tab', '')).toBe('');
    expect(puts).not.toHaveBeenCalled();
    expect(await next.bind('tab', 'ana')).toBe('ana');
  });

  it('is as it was before the database went, whoever asks first', async () => {
    const name = randomUUID();
    const control = controlOf(name, [
      { client: 'first', user: 'ben' },
      { client: 'other', user: 'ben' },
      { client: 'other', user: 'cleo' },
    ]);
    await control.write({ user: 'ana', withHeaders: false });
    expect(await control.bind('first', 'ana')).toBe('ben');
    await control.bind('own', 'ana');
    await deleteDB(`holdfast:${name}`);
    expect(await control.bind('other', 'cleo')).toBe('ben');
    expect(await control.boundToOthers('ana')).toHaveLength(2);
    expect(await control.boundToOthers('cleo')).toHaveLength(3);
  });
});

it('says that there is no database at all, as in some private windows', async () => {
  vi.stubGlobal('indexedDB', undefined);
  await expect(controlOf(randomUUID()).read()).rejects.toMatchObject({ code: 'online-only' });
});
