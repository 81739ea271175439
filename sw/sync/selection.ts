import { SyncError } from '../protocol/errors.ts';
import type { FilterTree } from '../protocol/filter-tree.ts';
import { isRecordKey, type RecordKey } from '../protocol/record.ts';
import { toFilterTree, type FilterParameters } from '../filter/index.ts';
import { withCurrentFilter, withCurrentSelection } from '../store/current-filter.ts';
import { findKeys } from '../store/find-keys.ts';
import type { SelectedRow } from '../store/run-rows.ts';
import { createMatcher } from '../store/list-matcher.ts';
import { keyOf, type Schema, type Table } from '../store/schema.ts';
import { parametersOf } from './method-arguments.ts';
import type { Session } from './session.ts';

const keysInPart = 500;

type TablePart =
  | { readonly type: 'keys'; readonly table: Table; readonly keys: readonly RecordKey[] }
  | { readonly type: 'filter'; readonly table: Table; readonly filter: FilterTree; readonly params: FilterParameters };

/** A selection that was looked through: every table and key in it can be there. */
export interface Selection {
  readonly tables: readonly TablePart[];
  readonly includeParents: boolean;
  /** The same for the same selection. */
  readonly fingerprint: string;
}

function wrong(message: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new SyncError('invalid-request', `${message} Nothing was synchronized.`, { details });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keyIn(table: Table, item: unknown): RecordKey {
  const value = isObject(item) ? (Object.hasOwn(item, table.key) ? item[table.key] : undefined) : item;
  const key = isRecordKey(value) && typeof value === table.keyType ? keyOf(table, value) : null;
  if (key !== null) return key;
  const what = isObject(item)
    ? `a record without a ${table.keyType} in its key field ${table.key}`
    : JSON.stringify(item);
  const message = `The selection of ${table.name} has ${what}; a key of it is a ${table.keyType}. Nothing was synchronized.`;
  throw new SyncError('invalid-key', message, { details: { table: table.name } });
}

function readTable(schema: Schema, name: string, given: unknown): TablePart {
  const table = schema.tables.get(name);
  if (table === undefined) {
    const declared = [...schema.tables.keys()].join(', ');
    const message = `The selection has the table ${JSON.stringify(name)}, which is not declared. Declared are: ${declared}. Nothing was synchronized.`;
    throw new SyncError('unknown-table', message, { details: { table: name } });
  }
  if (table.scope === 'online') {
    const message = `The table ${name} is never kept here, so nothing of it can be selected. Nothing was synchronized.`;
    throw new SyncError('online-only', message, { details: { table: name } });
  }
  if (Array.isArray(given)) {
    const list: readonly unknown[] = given;
    return { type: 'keys', table, keys: [...new Set(list.map((item) => keyIn(table, item)))] };
  }
  if (!isObject(given) || !Object.hasOwn(given, 'filter')) {
    wrong(`The selection of ${name} is neither a list of keys or records nor { filter, params }.`, { table: name });
  }
  const { filter: text } = given;
  if (typeof text !== 'string' && !isObject(text))
    wrong(`The filter of the selection of ${name} is no text or object.`);
  const filter = toFilterTree(text, { types: table.columnTypes, table: name });
  const values = given['params'] ?? {};
  if (!isObject(values)) wrong(`The params of the selection of ${name} are no object.`);
  const params = parametersOf(values);
  // Fails for a parameter without a value before anything begins.
  createMatcher(table, { filter, params, orderBy: [], limit: null, offset: 0, status: null });
  return { type: 'filter', table, filter, params };
}

/** Looks a selection through. Throws an error that names the table, key, parameter or option at fault. */
export function parseSelection(schema: Schema, selection: unknown, includeParents: unknown): Selection {
  if (!isObject(selection)) wrong('Mode selected needs a selection: { table: keys, records, or { filter, params } }.');
  if (includeParents !== undefined && typeof includeParents !== 'boolean') wrong('includeParents is true or false.');
  const tables = Object.entries(selection).map(([name, given]) => readTable(schema, name, given));
  const fingerprint = JSON.stringify([selection, includeParents ?? true]);
  return { tables, includeParents: includeParents ?? true, fingerprint };
}

/** The selected records in small parts, as filters match now. */
export async function resolveSelection(session: Session, { tables }: Selection): Promise<readonly SelectedRow[]> {
  const { database, base, schema } = session;
  const rows: SelectedRow[] = [];
  for (const part of tables) {
    const { table } = part;
    const keys =
      part.type === 'keys'
        ? await withCurrentSelection(database, table, part.keys)
        : await findKeys(database, base, table, await withCurrentFilter(database, schema, table, part));
    for (let start = 0; start < keys.length; start += keysInPart) {
      const some = keys.slice(start, start + keysInPart);
      rows.push({ table: table.name, keys: some, verdicts: some.map(() => null) });
    }
  }
  return rows;
}
