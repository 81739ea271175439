import type { WriteTransaction } from './database.ts';
import type { HeadRow, SegmentRow } from './base-rows.ts';
import { takeNumbers } from './meta.ts';

/** Lays a segment over a table's base. Needs the stores segments, heads and meta. */
export async function addSegment(tx: WriteTransaction, head: HeadRow, segment: SegmentRow): Promise<void> {
  const id = await takeNumbers(tx, 'number', 1);
  const ref = { id, records: segment.keys.length, removals: segment.removed.length };
  await Promise.all([
    tx.objectStore('segments').put(segment, [head.table, id]),
    tx.objectStore('heads').put({
      ...head,
      generation: head.generation + 1,
      segments: [...head.segments, ref],
      expectedCount: null,
    }),
  ]);
}
