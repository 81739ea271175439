import type { SyncEvent } from '../protocol/events.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { RecordRef } from '../store/blocked.ts';

type ChangedTables = Extract<SyncEvent, { type: 'changed' }>['tables'];

/** What tabs are told of stored writes. */
export function changedTables(changed: readonly RecordRef[], removed: readonly RecordRef[]): ChangedTables {
  const tables = new Map<string, { changed: RecordKey[]; removed: RecordKey[] }>();
  const add = (list: 'changed' | 'removed', { table, key }: RecordRef): void => {
    const lists = tables.get(table) ?? { changed: [], removed: [] };
    lists[list].push(key);
    tables.set(table, lists);
  };
  for (const record of changed) add('changed', record);
  for (const record of removed) add('removed', record);
  return Object.fromEntries(tables);
}
