import type { ChangeRow, CommandRow } from '../store/format.ts';
import { answeredBlocker, type RecordRef } from '../store/blocked.ts';
import type { Schema, Table } from '../store/schema.ts';
import { isRecordKey, type MutationId } from '../protocol/record.ts';
import { parseStored } from '../store/rebase.ts';

export type UploadItem =
  | { readonly type: 'change'; readonly row: ChangeRow; readonly table: Table }
  | { readonly type: 'command'; readonly row: CommandRow };

export function isReferredTo(schema: Schema, name: string): boolean {
  return [...schema.tables.values()].some((table) => table.references.some((reference) => reference.table === name));
}

export function refId({ table, key }: RecordRef): string {
  return `${table}\u0000${typeof key}\u0000${key}`;
}

/** As the id of a record that no table has. */
export function commandId(key: MutationId): string {
  return refId({ table: '', key });
}

/** The records that a record's text refers to, as declared. */
function referencesIn(table: Table, text: string | null): readonly RecordRef[] {
  if (text === null || table.references.length === 0) return [];
  const record = parseStored(text);
  return table.references.flatMap(({ field, table: parent }) => {
    const key = Object.hasOwn(record, field) ? record[field] : null;
    return isRecordKey(key) ? [{ table: parent, key }] : [];
  });
}

/** The records that must be there before a change: those that it refers to, as declared or by the server's word. */
export function neededBy(table: Table, row: ChangeRow): readonly RecordRef[] {
  return [...referencesIn(table, row.text), ...answeredBlocker(row)];
}

/** The records to which a record referred before a change, and does not after it. */
export function leftBy(table: Table, row: ChangeRow): readonly RecordRef[] {
  if (row.base === null) return [];
  const after = new Set(referencesIn(table, row.text).map(refId));
  return referencesIn(table, row.base.text).filter((ref) => !after.has(refId(ref)));
}

/**
 * The order of upload (U-01): as made, but a parent's create goes before what refers to it, and what referred to a record
 * goes before that record's delete. A command stays behind all that was made before it. Pure; the items must come as made.
 */
export function orderForUpload(schema: Schema, items: readonly UploadItem[]): readonly UploadItem[] {
  const creates = new Map<string, UploadItem>();
  const leavers = new Map<string, UploadItem[]>();
  for (const item of items) {
    if (item.type !== 'change') continue;
    if (item.row.operation === 'create') creates.set(refId(item.row), item);
    for (const ref of leftBy(item.table, item.row)) {
      const id = refId(ref);
      leavers.set(id, [...(leavers.get(id) ?? []), item]);
    }
  }
  if (schema.tables.size === 0 || (creates.size === 0 && leavers.size === 0)) return items;
  const ordered: UploadItem[] = [];
  const placed = new Set<UploadItem>();
  // A cycle of references is cut where it is met again: the server then says what dangles.
  const visiting = new Set<UploadItem>();
  const place = (item: UploadItem): void => {
    if (placed.has(item) || visiting.has(item)) return;
    visiting.add(item);
    if (item.type === 'change') {
      for (const ref of referencesIn(item.table, item.row.text)) {
        const parent = creates.get(refId(ref));
        if (parent !== undefined) place(parent);
      }
      if (item.row.operation === 'delete') for (const child of leavers.get(refId(item.row)) ?? []) place(child);
    }
    visiting.delete(item);
    placed.add(item);
    ordered.push(item);
  };
  items.forEach(place);
  return ordered;
}
