import { isJsonObject, type JsonObject } from '../protocol/record.ts';
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

/** The fields in which an update differs from its base, and what those that hold an object held there. */
function differenceOf(
  table: Table,
  row: ChangeRow,
  text: string,
): { readonly fields: readonly string[]; readonly before?: JsonObject } {
  const local = parseStored(text);
  const base = row.base === null ? null : parseStored(row.base.text);
  const differing = row.whole || base === null ? Object.keys(local) : differingFields(base, local);
  const fields = differing.filter((name) => table.columns.get(name)?.local !== true && name !== table.key);
  const nested = fields.filter((name) => isJsonObject(local[name]));
  if (base === null || nested.length === 0) return { fields };
  return { fields, before: Object.fromEntries(nested.map((name) => [name, base[name] ?? null])) };
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
      const head = { ...frame, ...differenceOf(table, row, text), baseVersion: row.base?.version ?? null };
      return `${JSON.stringify(head).slice(0, -1)},"record":${withoutLocal(table, text)}}`;
    }
    case 'delete':
      return JSON.stringify({ ...frame, baseVersion: row.base?.version ?? null });
  }
}

export function encodeCommand({ mutationId, method, path, body }: CommandRow): string {
  return JSON.stringify({ type: 'command', mutationId, method, path, body });
}
