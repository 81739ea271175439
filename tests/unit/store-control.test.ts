import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createControl } from '../../sw/store/control.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the binding of a tab (SPEC G-2)', () => {
  it('is looked up once while nobody signs in, and then goes to the first who does', async () => {
    const name = randomUUID();
    const control = createControl(name);
    expect(await control.bind('tab', '', 1)).toBe('');
    const transactions = vi.spyOn(IDBDatabase.prototype, 'transaction');
    expect(await control.bind('tab', '', 2)).toBe('');
    expect(transactions).not.toHaveBeenCalled();
    expect(await control.bind('tab', 'ana', 3)).toBe('ana');
    expect(await control.bind('tab', 'ben', 4)).toBe('ana');
    expect(await createControl(name).bind('tab', 'ben', 5)).toBe('ana');
  });

  it('to nobody by a worker before is kept as it is', async () => {
    const name = randomUUID();
    await createControl(name).bind('tab', '', 1);
    const puts = vi.spyOn(IDBObjectStore.prototype, 'put');
    const next = createControl(name);
    expect(await next.bind('tab', '', 2)).toBe('');
    expect(puts).not.toHaveBeenCalled();
    expect(await next.bind('tab', 'ana', 3)).toBe('ana');
  });
});
