import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, type RecordKey } from '../protocol/record.ts';
import { keyOf, type Table } from '../store/schema.ts';
import { readView } from '../store/view.ts';
import type { Session } from '../sync/session.ts';

/** Whether something of a table is to be sent. */
export async function isUnsent({ database }: Session, { name }: Table): Promise<boolean> {
  const range = IDBKeyRange.bound([name], [name, []]);
  return (await database.read(['changes'], (tx) => tx.objectStore('changes').getKey(range))) !== undefined;
}

async function keyInBody(table: Table, request: Request): Promise<RecordKey | null> {
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => null);
  return isJsonObject(body) && Object.hasOwn(body, table.key) ? keyOf(table, body[table.key]) : null;
}

/**
 * Whether a write is for the server alone, its table being `online`. A record with unsent work of before is not: sent later, that would
 * go over what went past it, so the write goes behind it (SPEC Q-6).
 */
export async function passesBy(
  session: Session,
  table: Table,
  given: RecordKey | null,
  request: Request,
): Promise<boolean> {
  if (table.scope !== 'online') return false;
  if (request.headers.get('Sync-Draft') === 'true')
    throw new SyncError('unsupported', `${table.name} is \`online\`, so it has no drafts. Nothing was stored.`);
  const key = given ?? ((await isUnsent(session, table)) ? await keyInBody(table, request) : null);
  return key === null || (await readView(session.database, session.base, table.name, key)).detail === 'clean';
}
