import type { AnyTransaction } from './database.ts';
import type { Schema } from './schema.ts';

/** How many changes that are not held back belong to tables which no run ever sends (C-04). Stores: changes, heads. */
export async function countLocalRows(tx: AnyTransaction, schema: Schema): Promise<number> {
  const names = [...schema.tables.values()].filter(({ direction }) => direction === 'local').map(({ name }) => name);
  const counts = await Promise.all(
    names.map(async (name) => {
      const [rows, head] = await Promise.all([
        tx.objectStore('changes').count(IDBKeyRange.bound([name], [name, []])),
        tx.objectStore('heads').get(name),
      ]);
      return Math.max(0, rows - (head?.holdMarks ?? 0));
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
