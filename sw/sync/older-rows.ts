import { upgradeSchema } from '../store/schema-version.ts';
import type { SchemaUpgrade, StoredRecordRows } from '../store/store-migrated.ts';
import type { SyncEvent } from '../protocol/events.ts';

/** Rows of an older schema that wait for what was in flight when this worker opened the database (SPEC V-5). */
export interface OlderRows {
  /**
   * To be called when nothing is in flight: brings them to the app's schema, or parks them, and tells the tabs. Does nothing
   * where none is left. What a page writes meanwhile leaves its record for the next call.
   */
  readonly upgrade: (announce: (event: SyncEvent) => void) => Promise<void>;
}

function tell({ rows, next, code = 'schema' }: StoredRecordRows, announce: (event: SyncEvent) => void): void {
  const last = rows.at(-1);
  if (last === undefined) return;
  const { table, key } = last;
  announce({ type: 'changed', source: 'local', tables: { [table]: { changed: [key], removed: [] } } });
  const message = 'It does not fit this version of the app. Its content is kept with the failures.';
  if (next === null) announce({ type: 'failure', table, key, code, message });
}

/** `areLeft`: what the upgrade said as the database was opened. */
export function createOlderRows(options: Omit<SchemaUpgrade, 'noted' | 'onStored'>, areLeft: boolean): OlderRows {
  let left = areLeft;
  return {
    upgrade: async (announce) => {
      if (!left) return;
      left = await upgradeSchema({ ...options, noted: undefined, onStored: (record) => tell(record, announce) });
    },
  };
}
