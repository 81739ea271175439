import { type Base, untilUnmoved } from './base.ts';
import { StaleReadError, type Database } from './database.ts';
import { textAt } from './packed.ts';
import type { RecordKey } from '../protocol/record.ts';

const leavesInSlice = 8;

/**
 * Shows every base record of a table, in slices, and gives the head's generation for which that was all. If the base moves
 * meanwhile it starts again, so that a record may be shown twice, or as it was.
 */
export function scanBase(
  database: Database,
  base: Base,
  table: string,
  visit: (key: RecordKey, text: string) => void,
): Promise<number> {
  return untilUnmoved(async () => {
    const { head, root, recent } = await database.read(['heads', 'roots', 'segments'], async (tx) => {
      const found = await base.readHead(tx, table);
      const texts = new Map<RecordKey, string | null>();
      for (const ref of found.segments) {
        const segment = await base.readSegment(tx, table, ref);
        segment.keys.forEach((key, index) => texts.set(key, textAt(segment, index)));
        for (const key of segment.removed) texts.set(key, null);
      }
      return { head: found, root: await base.readRoot(tx, found), recent: texts };
    });
    for (const [key, text] of recent) if (text !== null) visit(key, text);
    const count = root?.counts.length ?? 0;
    for (let start = 0; root !== null && start < count; start += leavesInSlice) {
      const leaves = await database.read(['heads', 'leaves'], async (tx) => {
        const now = await base.readHead(tx, table);
        if (now.generation !== head.generation) throw new StaleReadError(`${table} moved`);
        const indexes = Array.from({ length: Math.min(leavesInSlice, count - start) }, (_, index) => start + index);
        return Promise.all(indexes.map((index) => base.readLeaf(tx, table, root, index)));
      });
      for (const leaf of leaves) {
        leaf.keys.forEach((key, index) => {
          if (!recent.has(key)) visit(key, textAt(leaf, index));
        });
      }
    }
    return head.generation;
  });
}
