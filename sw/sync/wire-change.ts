import type { ChangeRow, CommandRow } from '../store/format.ts';
import type { Table } from '../store/schema.ts';
import { differingFields, parseStored } from '../store/rebase.ts';

function withoutLocal(table: Table, text: string): string {
  const local = [...table.columns.values()].filter((column) => column.local).map((column) => column.name);
  if (local.length === 0) return text;
  return JSON.stringify(
    Object.fromEntries(Object.entries(parseStored(text)).filter(([name]) => !local.includes(name))),
  );
}

function changedFields(table: Table, row: ChangeRow, text: string): readonly string[] {
  const local = parseStored(text);
  const fields =
    row.whole || row.base === null ? Object.keys(local) : differingFields(parseStored(row.base.text), local);
  return fields.filter((name) => table.columns.get(name)?.local !== true && name !== table.key);
}

/** A change as the JSON text that goes into a batch (T-4). The record's own text goes in as it is. */
export function encodeChange(table: Table, row: ChangeRow): string {
  const frame = { type: row.operation, mutationId: row.mutationId, table: row.table, key: row.key };
  switch (row.operation) {
    case 'create':
      if (table.serverKeys) {
        const head = JSON.stringify({ ...frame, temporary: true });
        return `${head.slice(0, -1)},"record":${withoutLocal(table, row.text ?? '{}')}}`;
      }
      return `${JSON.stringify(frame).slice(0, -1)},"record":${withoutLocal(table, row.text ?? '{}')}}`;
    case 'update': {
      const text = row.text ?? '{}';
      const head = { ...frame, fields: changedFields(table, row, text), baseVersion: row.base?.version ?? null };
      return `${JSON.stringify(head).slice(0, -1)},"record":${withoutLocal(table, text)}}`;
    }
    case 'delete':
      return JSON.stringify({ ...frame, baseVersion: row.base?.version ?? null });
  }
}

export function encodeCommand({ mutationId, method, path, body }: CommandRow): string {
  return JSON.stringify({ type: 'command', mutationId, method, path, body });
}
