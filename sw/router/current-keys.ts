import { aliasFields, countAliases, currentKey, withCurrentKeys } from '../store/aliases.ts';
import type { Table } from '../store/schema.ts';
import type { Session } from '../sync/session.ts';
import { isJsonObject, type Json, type RecordKey } from '../protocol/record.ts';

export interface NamedRequest {
  readonly key: RecordKey | null;
  readonly body: { readonly text: string; readonly value: Json } | null;
  /** As `RecordWrite.aliases`; undefined where the table has nothing to do with temporary keys. */
  readonly aliases: number | undefined;
}

/** A write's address and body with the keys that its records have now. */
export async function nameRequest(
  session: Session,
  table: Table,
  key: RecordKey | null,
  body: NamedRequest['body'],
): Promise<NamedRequest> {
  if (aliasFields(session.schema, table).length === 0) return { key, body, aliases: undefined };
  return session.database.read(['aliases', 'meta'], async (tx) => {
    const aliases = await countAliases(tx);
    const current = key === null ? null : await currentKey(tx, table, key);
    if (body === null || !isJsonObject(body.value)) return { key: current, body, aliases };
    const value = await withCurrentKeys(tx, session.schema, table, body.value);
    return { key: current, body: value === body.value ? body : { text: JSON.stringify(value), value }, aliases };
  });
}
