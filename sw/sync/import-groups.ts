import { rowsOf } from '../store/changes.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow, GroupRef } from '../store/format.ts';

/** A row of an imported file, and as the present schema has it; null: it does not fit. */
interface ImportedChange {
  readonly row: ChangeRow;
  readonly next: ChangeRow | null;
}

async function isKnown(tx: AnyTransaction, id: string): Promise<boolean> {
  return (await tx.objectStore('imported').getKey(id)) !== undefined;
}

/**
 * The groups of a file that cannot be taken over whole: what is left of them must not be sent without the rest. Groups of
 * which everything is here already are none of these. Scope: changes, commands, imported.
 */
export async function brokenGroups(
  tx: AnyTransaction,
  changes: readonly ImportedChange[],
  commands: readonly CommandRow[],
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const unseen = new Set<string>();
  const broken = new Set<string>();
  for (const { row, next } of changes) {
    if (row.group === undefined) continue;
    const { table, key } = next ?? row;
    const here = await rowsOf(tx, table, key);
    const isHere = here.some((other) => other.mutationId === row.mutationId) || (await isKnown(tx, row.mutationId));
    (isHere ? seen : unseen).add(row.group.id);
    if (!isHere && (next === null || here.length > 0)) broken.add(row.group.id);
  }
  const stored = new Set((await tx.objectStore('commands').getAll()).map((row) => row.mutationId));
  for (const row of commands) {
    if (row.group === undefined) continue;
    const isHere = stored.has(row.mutationId) || (await isKnown(tx, row.mutationId));
    (isHere ? seen : unseen).add(row.group.id);
  }
  for (const id of unseen) if (seen.has(id)) broken.add(id);
  // A record is taken over whole or not at all, so what keeps one group of it back keeps its others back.
  const byRecord = new Map<string, ImportedChange[]>();
  for (const change of changes) {
    const { table, key } = change.next ?? change.row;
    const id = JSON.stringify([table, key]);
    byRecord.set(id, [...(byRecord.get(id) ?? []), change]);
  }
  for (let size = -1; size !== broken.size;) {
    size = broken.size;
    for (const rows of byRecord.values()) {
      const groups = rows.flatMap(({ row }) => row.group?.id ?? []);
      const isParked = rows.some(({ next }) => next === null) || groups.some((id) => broken.has(id));
      if (isParked) for (const id of groups) if (!seen.has(id)) broken.add(id);
    }
  }
  return broken;
}

/** The places that groups have where their rows get these `seq`s, which are in the order in which they were made. */
export function placeGroups(
  rows: readonly (ChangeRow | CommandRow)[],
  firstSeq: number,
): ReadonlyMap<string, GroupRef> {
  const groups = new Map<string, GroupRef>();
  rows.forEach(({ group }, index) => {
    if (group === undefined) return;
    const { first } = groups.get(group.id) ?? { first: firstSeq + index };
    groups.set(group.id, { id: group.id, first, size: firstSeq + index - first + 1 });
  });
  return groups;
}
