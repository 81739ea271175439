import { isJsonObject, type Json, type RecordKey } from '../protocol/record.ts';
import type { RecordRef } from '../store/blocked.ts';
import { decoded, keyOf, type Schema, type Table } from '../store/schema.ts';

export interface CommandPattern {
  readonly method: string;
  readonly segments: readonly string[];
  /** Path parameters and fields of the body that name records, by the records' table; null: not declared. */
  readonly references: Readonly<Record<string, string>> | null;
}

/** `/api/visits/:id/close`: a segment that begins with a colon stands for any one. */
export function parseCommand(command: {
  readonly method: string;
  readonly path: string;
  readonly references?: Readonly<Record<string, string>>;
}): CommandPattern {
  const { method, path, references = null } = command;
  return { method: method.toUpperCase(), segments: path.split('/'), references };
}

export function findCommand(
  commands: readonly CommandPattern[],
  method: string,
  url: URL,
  origin: string,
): CommandPattern | null {
  if (commands.length === 0 || url.origin !== origin) return null;
  const parts = url.pathname.split('/');
  const found = commands.find(
    (command) =>
      command.method === method &&
      command.segments.length === parts.length &&
      command.segments.every((segment, index) =>
        segment.startsWith(':') ? parts[index] !== '' : segment === parts[index],
      ),
  );
  return found ?? null;
}

/**
 * The records that a command names: by what is declared, else by its path where that goes on from a table's own, as
 * `/api/visits/:id/close` does.
 */
export function namesOfCommand(schema: Schema, pattern: CommandPattern, url: URL, body: Json): readonly RecordRef[] {
  const parts = url.pathname.split('/');
  const names: RecordRef[] = [];
  const add = (table: Table | undefined, value: Json | undefined): void => {
    const key = table === undefined ? null : keyOf(table, value);
    if (table !== undefined && key !== null) names.push({ table: table.name, key });
  };
  const parameters = new Map<string, string | null>();
  pattern.segments.forEach((segment, index) => {
    if (segment.startsWith(':')) parameters.set(segment.slice(1), decoded(parts[index] ?? ''));
  });
  if (pattern.references === null) {
    for (const table of schema.tables.values()) {
      const depth = table.path.split('/').length;
      const isIts = table.path === parts.slice(0, depth).join('/') && pattern.segments[depth]?.startsWith(':') === true;
      if (isIts) add(table, decoded(parts[depth] ?? ''));
    }
  }
  for (const [name, table] of Object.entries(pattern.references ?? {})) {
    const inBody = isJsonObject(body) && Object.hasOwn(body, name) ? body[name] : undefined;
    add(schema.tables.get(table), parameters.get(name) ?? inBody);
  }
  return names;
}

interface Place {
  readonly from: string;
  readonly origin: string;
  readonly pathname: string;
}

const places = new WeakMap<Table, Place>();

/** Where a table's records are. Each request of the app is compared with all of them, so an address is parsed once. */
function placeOf(table: Table, from: string): Place {
  const known = places.get(table);
  if (known?.from === from) return known;
  const { origin, pathname } = new URL(table.path, from);
  const place = { from, origin, pathname };
  places.set(table, place);
  return place;
}

/** The file that an address belongs to: `<table>/<key>/<field>`. */
export function findFile(
  schema: Schema,
  url: URL,
  origin: string,
): { readonly table: Table; readonly key: RecordKey } | null {
  for (const table of schema.tables.values()) {
    if (table.file === null) continue;
    const base = placeOf(table, origin);
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
    const base = placeOf(table, origin);
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
