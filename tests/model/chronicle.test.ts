import { describe, expect, it } from 'vitest';
import type { AnsweredWrite } from '../support/oracle.ts';
import { Chronicle } from './world/chronicle.ts';

const where = { device: 'device0', user: 'ana', table: 'visits' };

function write(key: string, fields: AnsweredWrite['fields'], at: number): AnsweredWrite {
  return { ...where, key, fields, startedAt: at, endedAt: at };
}

describe('what was written after a clear of which its page did not hear', () => {
  it('may be cleared with what was there, if the page was closed and the worker goes on', () => {
    const isExcused = (clear: (chronicle: Chronicle) => void): boolean => {
      const chronicle = new Chronicle((_table, key) => key);
      clear(chronicle);
      chronicle.wrote(write('k0', { c: 'w1' }, chronicle.tick()));
      return chronicle.isExcused('w1');
    };
    expect(isExcused((chronicle) => chronicle.clearUnheard(where))).toBe(true);
    expect(isExcused((chronicle) => chronicle.clearUnheard({ ...where, table: 'tasks' }))).toBe(false);
    expect(isExcused((chronicle) => chronicle.clear(where, null))).toBe(false);
  });
});

describe('what was written before a clear', () => {
  it('counts as cleared where the field was set, but for what stayed', () => {
    const chronicle = new Chronicle((_table, key) => key);
    const before = chronicle.tick();
    chronicle.clear(where, { field: 'c', refused: ['k1'] });
    const after = chronicle.tick();
    const isCleared = (key: string, fields: AnsweredWrite['fields'], at = before): boolean =>
      chronicle.isCleared(write(key, fields, at), write(key, null, after));
    expect(isCleared('k0', { c: 'w1' })).toBe(true);
    expect(isCleared('k1', { c: 'w1' })).toBe(false);
    expect(isCleared('k0', { a: 'w1' })).toBe(false);
    expect(isCleared('k0', { c: 'w1' }, after)).toBe(false);
  });
});
