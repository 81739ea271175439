import { describe, expect, it } from 'vitest';
import { isMutationId, type MutationId } from '../../sw/protocol/record.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { rebaseAbove } from '../../sw/sync/rebase-above.ts';

function id(text: string): MutationId {
  const value = `mutation-${text}`;
  if (!isMutationId(value)) throw new Error('not an id');
  return value;
}

const text = (record: object): string => JSON.stringify({ id: 1, ...record });
/** What the server made of the row below. */
const server = { text: text({ note: 'S', rating: 1 }), version: '2' };
const sent = text({ note: '0', rating: 1 });

/** A member of a group, by its number. */
function member(seq: number, change: Partial<ChangeRow>): ChangeRow {
  return {
    ...{ table: 'tasks', key: 1, seq, mutationId: id(String(seq)), operation: 'update', text: null },
    ...{ base: { text: sent, version: '1' }, whole: false, group: { id: 'g', first: 2, size: 2 } },
    ...{ schema: 1, state: 'pending', attempts: 0, madeAt: 0 },
    ...change,
  };
}

describe('what one group wrote under both keys of a record (N-7a)', () => {
  const first = member(2, { text: text({ note: '0', rating: 2 }), whole: true });

  it('is one member in the place of the first, over what the server has', () => {
    const second = member(3, { text: text({ note: '0', rating: 1, place: 'P' }) });
    const [row, ...others] = rebaseAbove([first, second], server);
    expect(others).toEqual([]);
    expect(row).toMatchObject({ seq: 2, mutationId: id('3'), operation: 'update', base: server, whole: true });
    expect(JSON.parse(row?.text ?? '')).toEqual({ id: 1, note: 'S', rating: 2, place: 'P' });
  });

  it('is a delete where the second is one', () => {
    const rows = rebaseAbove([first, member(3, { operation: 'delete' })], server);
    expect(rows).toMatchObject([{ seq: 2, operation: 'delete', text: null, base: server }]);
  });

  it('stays two rows in two groups', () => {
    const second = member(3, { text: text({ note: '0', rating: 3 }), group: { id: 'h', first: 3, size: 1 } });
    expect(rebaseAbove([first, second], server).map(({ seq }) => seq)).toEqual([2, 3]);
  });
});
