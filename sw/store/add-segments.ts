import type { WriteTransaction } from './database.ts';
import type { Base } from './base.ts';
import type { SegmentRow } from './base-rows.ts';
import { takeNumbers } from './meta.ts';

/** Lays a segment over the base of each table. Needs the stores segments, heads and meta. */
export async function addSegments(
  tx: WriteTransaction,
  base: Base,
  segments: readonly (readonly [table: string, segment: SegmentRow])[],
): Promise<void> {
  if (segments.length === 0) return;
  const [first, heads] = await Promise.all([
    takeNumbers(tx, 'number', segments.length),
    Promise.all(segments.map(([table]) => base.readHead(tx, table))),
  ]);
  await Promise.all(
    segments.flatMap(([table, segment], index) => {
      const head = heads[index];
      if (head === undefined) return [];
      const ref = { id: first + index, records: segment.keys.length, removals: segment.removed.length };
      const next = { generation: head.generation + 1, segments: [...head.segments, ref], expectedCount: null };
      return [
        tx.objectStore('segments').put(segment, [table, ref.id]),
        tx.objectStore('heads').put({ ...head, ...next }),
      ];
    }),
  );
}
