import { describe, expect, it } from 'vitest';
import { keyFaults, type KeyEvidence } from '../support/oracle-keys.ts';
import type { DeviceState } from '../support/oracle.ts';
import { ServerKeys } from '../support/reference/server-keys.ts';

/** A device whose create the server has taken, without its knowing. */
function faultsOf(state: Partial<DeviceState>): readonly string[] {
  const keys = new ServerKeys();
  keys.note({ table: 'tasks', device: 'device0', temporary: -3, key: 1 });
  const whole = { device: 'device0', user: 'ana', unsent: [], failures: [], records: {}, ...state };
  const evidence: KeyEvidence = {
    ...{ keys, devices: [whole], effects: [], references: [] },
    isForgotten: () => false,
    isExcused: () => false,
  };
  return keyFaults(evidence).map(({ oracle }) => oracle);
}

describe('a temporary key whose record is on the server', () => {
  it.each([
    ['pending', '{"id":-3,"sent":"perhaps"}', ['O5']],
    ['held', '{"id":-3,"sent":"perhaps"}', []],
    ['held', '{"id":-3}', ['O5']],
  ])('may be left in a change only if that is %s and may have been taken: %s', (detail, text, faults) => {
    expect(faultsOf({ unsent: [{ table: 'tasks', key: -3, state: detail, text }] })).toEqual(faults);
  });

  it.each([
    ['create', '"The server may have it already."', []],
    ['create', '"Its content is kept here."', ['O5']],
    ['update', '"The server may have it already."', ['O5']],
  ])('may be left in a failure only if that says so: %s, %s', (operation, text, faults) => {
    expect(faultsOf({ failures: [{ table: 'tasks', key: -3, operation, text }] })).toEqual(faults);
  });
});
