import { isJsonObject } from '../../../sw/protocol/record.ts';
import type { Queryable } from '../database/database.ts';

export const changedChannel = 'sync_changed';

/** Table → owners of the records concerned; the empty owner stands for everyone. */
export type ChangedTables = Map<string, ReadonlySet<string>>;

/** Tells every server process on this database, when the transaction commits, who has something to download. */
export async function announce(tx: Queryable, changed: ChangedTables): Promise<void> {
  if (changed.size === 0) return;
  const payload = JSON.stringify(Object.fromEntries([...changed].map(([table, owners]) => [table, [...owners]])));
  await tx.query('select pg_notify($1, $2)', [changedChannel, payload]);
}

/** Null for anything else, such as the empty payload after a broken connection: then anything may have changed. */
export function parseAnnouncement(payload: string): ChangedTables | null {
  try {
    const parsed: unknown = JSON.parse(payload);
    if (!isJsonObject(parsed)) return null;
    return new Map(
      Object.entries(parsed).map(([table, owners]) => [
        table,
        new Set(Array.isArray(owners) ? owners.filter((owner) => typeof owner === 'string') : []),
      ]),
    );
  } catch {
    return null;
  }
}
