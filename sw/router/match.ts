import type { RecordKey } from '../protocol/record.ts';
import { keyOf, type Schema, type Table } from '../store/schema.ts';

export interface CommandPattern {
  readonly method: string;
  readonly segments: readonly string[];
}

/** `/api/visits/:id/close`: a segment that begins with a colon stands for any one. */
export function parseCommand(command: { readonly method: string; readonly path: string }): CommandPattern {
  return { method: command.method.toUpperCase(), segments: command.path.split('/') };
}

export function findCommand(commands: readonly CommandPattern[], method: string, url: URL, origin: string): boolean {
  if (commands.length === 0 || url.origin !== origin) return false;
  const parts = url.pathname.split('/');
  return commands.some(
    (command) =>
      command.method === method &&
      command.segments.length === parts.length &&
      command.segments.every((segment, index) =>
        segment.startsWith(':') ? parts[index] !== '' : segment === parts[index],
      ),
  );
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The file that an address belongs to: `<table>/<key>/<field>`. */
export function findFile(
  schema: Schema,
  url: URL,
  origin: string,
): { readonly table: Table; readonly key: RecordKey } | null {
  for (const table of schema.tables.values()) {
    if (table.file === null) continue;
    const base = new URL(table.path, origin);
    const prefix = `${base.pathname}/`;
    const suffix = `/${table.file.field}`;
    const { pathname } = url;
    if (base.origin !== url.origin || !pathname.startsWith(prefix) || !pathname.endsWith(suffix)) continue;
    const segment = pathname.slice(prefix.length, -suffix.length);
    const name = segment === '' || segment.includes('/') ? null : decoded(segment);
    const key = name === null ? null : keyOf(table, name);
    return key === null ? null : { table, key };
  }
  return null;
}

/** The declared table that an address belongs to: its list, or one record. Deeper paths are not ours. */
export function findTable(
  schema: Schema,
  url: URL,
  origin: string,
): { readonly table: Table; readonly key: RecordKey | null } | null {
  for (const table of schema.tables.values()) {
    const base = new URL(table.path, origin);
    if (base.origin !== url.origin || !url.pathname.startsWith(base.pathname)) continue;
    const rest = url.pathname.slice(base.pathname.length);
    if (rest === '' || rest === '/') return { table, key: null };
    if (!rest.startsWith('/') || rest.indexOf('/', 1) >= 0) continue;
    const name = decoded(rest.slice(1));
    const key = name === null ? null : keyOf(table, name);
    return key === null ? null : { table, key };
  }
  return null;
}
