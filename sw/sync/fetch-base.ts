import { SyncError } from '../protocol/errors.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { ChangeBase } from '../store/format.ts';
import type { Table } from '../store/schema.ts';
import { callFor, type Session } from './session.ts';

/** Asks the server for a record that is not held here, so that the change has a base (D-08). */
export async function fetchBase(session: Session, table: Table, key: RecordKey): Promise<ChangeBase | null> {
  try {
    const [found] = await session.backend.read(table.name, [key], await callFor(session, session.signal));
    if (found === undefined || found.record === null) return null;
    return { text: JSON.stringify(found.record), version: found.version };
  } catch (error) {
    throw new SyncError(
      'not-held',
      `The record ${String(key)} of ${table.name} is not here, and the server cannot be asked for it just now. Nothing was stored.`,
      {
        cause: error,
        retryable: true,
      },
    );
  }
}

/** Whether a table whose download is not complete may still be missing records. */
export function isWhole(table: Table): boolean {
  return table.scope === 'never' || table.direction === 'local';
}
