import type { SyncEvent } from '../protocol/events.ts';
import type { RecordKey } from '../protocol/record.ts';

export type ChangedEvent = Extract<SyncEvent, { type: 'changed' }>;

/** A table with more keys than this is told as «read again what you show». */
export const maxKeys = 500;

interface TableKeys {
  changed: Set<RecordKey> | null;
  removed: Set<RecordKey> | null;
}

/** Collects `changed` events of one source into one. What was said last of a key counts. */
export class MergedChanges {
  readonly #source: ChangedEvent['source'];
  readonly #tables = new Map<string, TableKeys>();

  constructor(source: ChangedEvent['source']) {
    this.#source = source;
  }

  add(event: ChangedEvent): void {
    for (const [table, { changed, removed }] of Object.entries(event.tables)) {
      const keys = this.#tables.get(table) ?? { changed: new Set(), removed: new Set() };
      this.#tables.set(table, keys);
      keys.changed = addKeys(keys.changed, changed, keys.removed);
      keys.removed = addKeys(keys.removed, removed, keys.changed);
    }
  }

  toEvent(): ChangedEvent {
    const tables = Array.from(
      this.#tables,
      ([table, { changed, removed }]): [string, ChangedEvent['tables'][string]] => [
        table,
        { changed: changed && [...changed], removed: removed && [...removed] },
      ],
    );
    return { type: 'changed', source: this.#source, tables: Object.fromEntries(tables) };
  }
}

function addKeys(
  known: Set<RecordKey> | null,
  added: readonly RecordKey[] | null,
  opposite: Set<RecordKey> | null,
): Set<RecordKey> | null {
  if (known === null || added === null) return null;
  for (const key of added) {
    known.add(key);
    opposite?.delete(key);
  }
  return known.size > maxKeys ? null : known;
}
