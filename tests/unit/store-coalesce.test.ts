import { describe, expect, it } from 'vitest';
import { coalesce, type StoredState, type WriteOperation } from '../../sw/store/coalesce.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { isMutationId, type MutationId } from '../../sw/protocol/record.ts';

function id(text: string): MutationId {
  const value = `mutation-${text}`;
  if (!isMutationId(value)) throw new Error('not an id');
  return value;
}

function row(operation: ChangeRow['operation']): ChangeRow {
  return {
    table: 'visits',
    key: 'v1',
    seq: 5,
    mutationId: id('old'),
    operation,
    text: operation === 'delete' ? null : '{"note":"old"}',
    base: operation === 'create' ? null : { text: '{"note":"base"}', version: '1' },
    whole: operation === 'create',
    schema: 1,
    state: 'pending',
    attempts: 0,
    madeAt: 0,
  };
}

type Last = 'none' | 'base' | 'marked' | ChangeRow['operation'];
type Placing = 'pending' | 'in flight' | 'sealed';

function stateOf(last: Last, placing: Placing): StoredState {
  const isRow = last === 'create' || last === 'update' || last === 'delete';
  return {
    rows: isRow ? [row(last)] : [],
    base: last === 'none' || isRow ? null : { text: '{"note":"base"}', version: '1' },
    marked: last === 'marked',
    inFlight: new Set(placing === 'in flight' ? [5] : []),
    sealedThrough: placing === 'sealed' ? 5 : 0,
  };
}

function outcome(last: Last, placing: Placing, operation: WriteOperation): string {
  const text = operation === 'delete' ? null : '{"note":"new"}';
  const write = { table: 'visits', key: 'v1', operation, text, mutationId: id('new'), schema: 1, at: 9 };
  const result = coalesce(write, stateOf(last, placing));
  switch (result.type) {
    case 'refuse':
      return result.code;
    case 'drop':
      return 'drop';
    case 'amend':
    case 'append': {
      const { base, whole, mutationId } = result.row;
      expect(mutationId).toBe(id('new'));
      const from = base === null ? 'nothing' : base.version === null ? 'the row below' : 'the base';
      return `${result.type} ${result.row.operation} on ${from}${whole ? ', whole' : ''}`;
    }
  }
}

const pending: readonly Placing[] = ['pending'];
const fixed: readonly Placing[] = ['in flight', 'sealed'];

/** SPEC 3.1, cell by cell: last row, how it stands, then what update, delete, PUT and POST make of it. */
const table: readonly (readonly [Last, readonly Placing[], string, string, string, string])[] = [
  ['none', pending, 'not-found', 'not-found', 'append create on nothing, whole', 'append create on nothing, whole'],
  ['base', pending, 'append update on the base', 'append delete on the base', 'append update on the base', 'exists'],
  [
    'marked',
    pending,
    'append update on the base, whole',
    'append delete on the base, whole',
    'append update on the base, whole',
    'exists',
  ],
  ['create', pending, 'amend create on nothing, whole', 'drop', 'amend create on nothing, whole', 'exists'],
  [
    'create',
    fixed,
    'append update on the row below',
    'append delete on the row below',
    'append update on the row below',
    'exists',
  ],
  ['update', pending, 'amend update on the base', 'amend delete on the base', 'amend update on the base', 'exists'],
  [
    'update',
    fixed,
    'append update on the row below',
    'append delete on the row below',
    'append update on the row below',
    'exists',
  ],
  ['delete', pending, 'not-found', 'not-found', 'amend update on the base, whole', 'amend update on the base, whole'],
  ['delete', fixed, 'not-found', 'not-found', 'append create on nothing, whole', 'append create on nothing, whole'],
];

const cells = table.flatMap(([last, placings, update, remove, put, create]) =>
  placings.flatMap((placing) => [
    { last, placing, operation: 'update' as const, expected: update },
    { last, placing, operation: 'delete' as const, expected: remove },
    { last, placing, operation: 'put' as const, expected: put },
    { last, placing, operation: 'create' as const, expected: create },
  ]),
);

describe('a write over what is there (SPEC 3.1, U-04, U-12, S-07)', () => {
  it.each(cells)('$operation over $last, $placing: $expected', ({ last, placing, operation, expected }) => {
    expect(outcome(last, placing, operation)).toBe(expected);
  });

  it('of a rejected row makes it pending again', () => {
    const rejected: ChangeRow = { ...row('update'), state: 'rejected', stuck: ['visits', 'rejected'] };
    const write = {
      table: 'visits',
      key: 'v1',
      operation: 'update',
      text: '{}',
      mutationId: id('new'),
      schema: 1,
      at: 9,
    } as const;
    const result = coalesce(write, { ...stateOf('update', 'pending'), rows: [rejected] });
    expect(result).toMatchObject({ type: 'amend', row: { state: 'pending', seq: 5 } });
    expect(result).not.toHaveProperty('row.stuck');
  });

  it.each(['rejected', 'conflict'] as const)(
    'of a sealed row that is %s mends that row, as nothing follows it',
    (state) => {
      const stuck: ChangeRow = { ...row('create'), state, stuck: ['visits', state] };
      const write = {
        table: 'visits',
        key: 'v1',
        operation: 'update',
        text: '{}',
        mutationId: id('new'),
        schema: 1,
        at: 9,
      };
      const result = coalesce({ ...write, operation: 'update' }, { ...stateOf('create', 'sealed'), rows: [stuck] });
      expect(result).toMatchObject({ type: 'amend', row: { state: 'pending', operation: 'create', seq: 5 } });
    },
  );
});
