import { describe, expect, it } from 'vitest';
import { historyFaults } from '../support/history-checker.ts';
import { judge, type AnsweredRead, type AnsweredWrite, type Evidence } from '../support/oracle.ts';
import type { Effect } from '../support/reference/ledger.ts';

const place = { device: 'device0', user: 'ana', table: 'tasks', key: 2 };

function write(c: string, at: number, isPutOff = false): AnsweredWrite {
  return { ...place, fields: { c }, startedAt: at, endedAt: at, isPutOff };
}

function read(c: string, at: number): AnsweredRead {
  return { ...place, record: { c }, startedAt: at, endedAt: at };
}

/** What the server's record became, in this order. */
function effects(...values: readonly string[]): readonly Effect[] {
  return values.map((c, index) => ({
    ...{ type: 'update', mutationId: c, device: 'device0', user: 'ana', table: 'tasks', key: 2 },
    before: index === 0 ? null : { c: values[index - 1] ?? '' },
    after: { c },
  }));
}

function faultsOf(given: Pick<Evidence, 'writes' | 'effects'> & Partial<Evidence>): readonly string[] {
  const evidence: Evidence = {
    ...{ reads: [], devices: [], tables: [] },
    server: () => new Map(),
    authorOf: () => 'ana',
    isExcused: () => false,
    isDiscarded: () => false,
    ...given,
  };
  return [...judge(evidence), ...historyFaults(evidence)].map(({ oracle }) => oracle);
}

describe('what names a record that was put off by its temporary key', () => {
  it.each([
    [true, []],
    [false, ['O3']],
  ])('may be applied after what was written later by the server’s key only then: %s', (isPutOff, faults) => {
    const writes = [write('w1', 1, isPutOff), write('w2', 5)];
    expect(faultsOf({ writes, effects: effects('w2', 'w1') })).toEqual(faults);
  });

  it.each([
    [true, []],
    [false, ['O3', 'history']],
  ])('may have been read before what was applied earlier only then: %s', (isPutOff, faults) => {
    const writes = [write('w1', 1, isPutOff), write('w2', 5)];
    expect(faultsOf({ writes, reads: [read('w1', 3)], effects: effects('w2', 'w1') })).toEqual(faults);
  });

  it.each([
    [true, []],
    [false, ['O3', 'history', 'history']],
  ])('may have been read before the other record was only then: %s', (isPutOff, faults) => {
    const writes = [write('w1', 1, isPutOff), write('w2', 5)];
    expect(faultsOf({ writes, reads: [read('w1', 3), read('w2', 7)], effects: effects('w2', 'w1') })).toEqual(faults);
  });
});
