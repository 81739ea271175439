import type { WriteTransaction } from '../store/database.ts';
import { isEmptied } from '../store/schema.ts';
import type { Session } from './session.ts';

/**
 * Empties the base of tables of which nothing is kept, and forgets of those that are only preserved that they once were whole.
 * Changes are elsewhere and stay. Part of the switch of a run of mode `all`.
 */
export async function emptyTables(
  tx: WriteTransaction,
  session: Session,
): Promise<readonly { readonly table: string; readonly removed: number }[]> {
  const emptied: { table: string; removed: number }[] = [];
  for (const table of session.schema.tables.values()) {
    const isPreserved = table.scope === 'nothing-preserve';
    if (!isEmptied(table) && !isPreserved) continue;
    const head = await session.base.readHead(tx, table.name);
    if (head.root === null && head.segments.length === 0) continue;
    const unknown = { generation: head.generation + 1, cursor: null, cursorFor: '', expectedCount: null, whole: false };
    if (isPreserved) {
      if (head.whole || head.cursor !== null) await tx.objectStore('heads').put({ ...head, ...unknown });
      continue;
    }
    const root = await session.base.readRoot(tx, head);
    const inLeaves = root?.counts.reduce((sum, count) => sum + count, 0) ?? 0;
    const removed = head.segments.reduce((sum, segment) => sum + segment.records - segment.removals, inLeaves);
    await tx.objectStore('heads').put({ ...head, ...unknown, root: null, segments: [], complete: false });
    emptied.push({ table: table.name, removed: Math.max(0, removed) });
  }
  return emptied;
}
