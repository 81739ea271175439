import { describe, expect, it } from 'vitest';
import { StorageMemory } from '../../client/storage-memory.ts';
import { lossError, lostWrites, type StorageNote } from '../../sw/store/storage-loss.ts';
import { createCacheWitness } from '../../sw/store/cache-witness.ts';
import { syncState } from '../support/sync-shapes.ts';

const noted: StorageNote = { epoch: 'one', seq: 10, unsent: 4 };
const stored = { epoch: 'one', seq: 10, replaces: null, dataLoss: false };

describe('what a note tells of a database (SPEC Z-2)', () => {
  it.each([
    ['the same', noted, stored, null],
    ['the same, written to since', noted, { ...stored, seq: 12 }, null],
    ['without its last three changes', noted, { ...stored, seq: 7 }, 3],
    ['another one', noted, { ...stored, epoch: 'two', seq: 0 }, 4],
    ['another one, of which it was told already', noted, { ...stored, epoch: 'two', replaces: 'one' }, null],
    ['a new one, never noted', null, stored, null],
    ['a new one, in the place of a damaged one', null, { ...stored, dataLoss: true }, 0],
    ['another one, in the place of a damaged one', noted, { ...stored, epoch: 'two', dataLoss: true }, 4],
  ])('%s', (_name, note, facts, atLeast) => {
    expect(lostWrites(note, facts)).toBe(atLeast);
  });
});

describe('the notes in Cache Storage', () => {
  it('are none where it is missing or fails', async () => {
    const failing = { open: () => Promise.reject(new DOMException('no', 'SecurityError')) };
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a browser's that refuses
    for (const caches of [undefined, failing as unknown as CacheStorage]) {
      const witness = createCacheWitness('app', caches);
      await witness.write('a', { epoch: 'one' });
      expect(await witness.read('a')).toBeNull();
      await witness.remove('a');
    }
  });
});

describe('a page', () => {
  const loss = lossError({ atLeast: 2, at: 5 });

  it('tells a loss that the worker states once', () => {
    const memory = new StorageMemory();
    expect(memory.learn(syncState({ storage: 'one' }))).toBeNull();
    expect(memory.learn(syncState({ storage: 'two', storageReset: loss }))).toEqual(loss);
    expect(memory.learn(syncState({ storage: 'two', storageReset: loss }))).toBeNull();
    expect(memory.learn(syncState({ storage: 'two' }))).toBeNull();
  });

  it('tells by itself that everything was cleared under it, with what it knew to be unsent', () => {
    const memory = new StorageMemory();
    memory.learn(syncState({ user: 'ana', storage: 'one', pending: 7 }));
    expect(memory.learn(syncState({ user: 'ana', storage: 'two' }))).toMatchObject({ details: { atLeast: 7 } });
    expect(memory.learn(syncState({ user: 'ana', storage: 'two' }))).toBeNull();
  });

  it('takes another user’s database for no loss', () => {
    const memory = new StorageMemory();
    memory.learn(syncState({ user: 'ana', storage: 'one' }));
    expect(memory.learn(syncState({ user: 'ben', storage: 'two' }))).toBeNull();
  });
});
