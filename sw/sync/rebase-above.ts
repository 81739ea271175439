import type { ChangeBase, ChangeRow } from '../store/format.ts';
import { rebase } from '../store/rebase.ts';

function isOfSameGroup(lower: ChangeRow, { group }: ChangeRow): boolean {
  return group !== undefined && group.id === lower.group?.id && lower.operation === 'update';
}

/** What a group wrote of one record, under each of its keys, is one member of it (SPEC N-7a). */
function asOneMember(lower: ChangeRow, row: ChangeRow): ChangeRow {
  const { seq, base, text: below } = lower;
  const isText = below !== null && row.text !== null;
  const text = isText ? rebase(below, row.base?.text ?? below, row.text) : row.text;
  return { ...row, seq, base, text, whole: lower.whole || row.whole };
}

/**
 * The rows over one that was taken, each over what became of the one below it, with what it changed in what it was made on
 * (SPEC 3.2, `applied`). Those made under the record's other key were made on something else than the row below them (N-3).
 */
export function rebaseAbove(above: readonly ChangeRow[], server: ChangeBase): ChangeRow[] {
  const rows: ChangeRow[] = [];
  let below: ChangeBase | null = server;
  for (const row of above) {
    const deleted = below === null ? rows.at(-1) : undefined;
    // Written under the other key after a delete: that is not sent, unless its group would not be whole without it.
    if (deleted !== undefined && deleted.group === undefined && row.operation === 'update') {
      rows.pop();
      below = deleted.base;
    }
    const lower = rows.at(-1);
    if (row.operation === 'create') rows.push(row);
    else if (lower !== undefined && below !== null && isOfSameGroup(lower, row))
      rows[rows.length - 1] = asOneMember(lower, row);
    else if (below === null) {
      if (row.text !== null) rows.push({ ...row, operation: 'create', base: null, whole: true, anew: true });
    } else {
      const text: string | null = row.text === null ? null : rebase(below.text, row.base?.text ?? below.text, row.text);
      rows.push({ ...row, text, base: below });
    }
    const last = rows.at(-1)?.text ?? null;
    below = last === null ? null : { text: last, version: null };
  }
  return rows;
}
