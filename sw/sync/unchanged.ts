import { compareKeys } from '../protocol/record.ts';
import type { RecordRef } from '../store/blocked.ts';
import type { AnyTransaction } from '../store/database.ts';
import { refId } from './upload-order.ts';

/** How many keys of other records are read at most, for each that is looked for. */
const otherKeys = 4;

/** Which of the records, by their ids, have no change. May leave some out: then they must be looked at one by one. */
export async function unchangedOf(
  tx: AnyTransaction,
  records: ReadonlyMap<string, RecordRef>,
): Promise<readonly string[]> {
  const changes = tx.objectStore('changes');
  const tables = new Set([...records.values()].map(({ table }) => table));
  const lists = await Promise.all(
    [...tables].map(async (table): Promise<string[]> => {
      const refs = [...records.values()].filter((ref) => ref.table === table);
      const keys = refs.map(({ key }) => key).sort(compareKeys);
      const [first = ''] = keys;
      const range = IDBKeyRange.bound([table, first], [table, keys.at(-1) ?? first, []]);
      const limit = refs.length * (1 + otherKeys) + 64;
      const found = await changes.getAllKeys(range, limit);
      if (found.length === limit) return [];
      const changed = new Set(found.map(([, key]) => refId({ table, key })));
      return refs.map(refId).filter((id) => !changed.has(id));
    }),
  );
  return lists.flat();
}
