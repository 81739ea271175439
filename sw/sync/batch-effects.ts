import { addSegments } from '../store/add-segments.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { FailureRow } from '../store/format.ts';
import { segmentOf, type Overlay } from '../store/staging.ts';
import type { SyncEvent } from '../protocol/events.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { ChangeItem } from './batch-rows.ts';
import type { Session } from './session.ts';
import type { Settlement } from './settle.ts';

interface TableEffects {
  readonly overlay: Overlay;
  readonly uploadedKeys: RecordKey[];
  readonly failedKeys: RecordKey[];
  readonly changed: RecordKey[];
  readonly removed: RecordKey[];
  conflicts: number;
}

/** What the outcomes of a batch do beside the rows: by table, and over all. */
export class Effects {
  readonly #tables = new Map<string, TableEffects>();
  readonly failures: FailureRow[] = [];
  readonly resend: number[] = [];
  commands = 0;
  later = false;

  of(table: string): TableEffects {
    let effects = this.#tables.get(table);
    if (effects === undefined) {
      effects = { overlay: new Map(), uploadedKeys: [], failedKeys: [], changed: [], removed: [], conflicts: 0 };
      this.#tables.set(table, effects);
    }
    return effects;
  }

  entries(): Iterable<[string, TableEffects]> {
    return this.#tables;
  }
}

/** Writes the rows that a settlement left, with the failure's id in their reason. */
export async function storeRows(
  tx: WriteTransaction,
  settlement: Settlement,
  failure: FailureRow | null,
): Promise<void> {
  await Promise.all(
    settlement.rows.map((row) => {
      const reason = row.reason === undefined || failure === null ? row.reason : { ...row.reason, failure: failure.id };
      return tx.objectStore('changes').put(reason === undefined ? row : { ...row, reason });
    }),
  );
}

/** Counts what became of a change, and keeps what the server made of its record. */
export function note(effects: Effects, item: ChangeItem, settlement: Settlement): void {
  const table = effects.of(item.table);
  switch (settlement.verdict) {
    case 'uploaded':
      table.uploadedKeys.push(item.key);
      break;
    case 'conflict':
      table.conflicts += 1;
      if (settlement.failure !== null) table.failedKeys.push(item.key);
      break;
    case 'failed':
      if (settlement.failure !== null) table.failedKeys.push(item.key);
      break;
    case 'later':
      effects.later = true;
      break;
  }
  const { base } = settlement;
  if (base.type === 'put') {
    const version = base.version;
    table.overlay.set(base.key, { key: base.key, text: base.text, version, fields: {} });
    table.changed.push(base.key);
  } else if (base.type === 'remove') {
    table.overlay.set(base.key, null);
    table.removed.push(base.key);
  } else {
    table.changed.push(item.key);
  }
}

/** Lays the acknowledged records over the base, as a segment of each table. */
export function storeHeads(tx: WriteTransaction, session: Session, effects: Effects): Promise<void> {
  const changed = [...effects.entries()].filter(([, { overlay }]) => overlay.size > 0);
  return addSegments(
    tx,
    session.base,
    changed.map(([name, { overlay }]) => [name, segmentOf(overlay)]),
  );
}

export function eventsOf(effects: Effects): SyncEvent[] {
  const tables = Object.fromEntries(
    [...effects.entries()].map(([name, { changed, removed }]) => [name, { changed, removed }] as const),
  );
  const failures = effects.failures.map(({ table, key, code, message }): SyncEvent =>
    code === 'conflict' ? { type: 'conflict', table, key } : { type: 'failure', table, key, code, message },
  );
  return [{ type: 'changed', source: 'server', tables }, ...failures];
}
