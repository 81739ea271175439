import { ConfigurationError } from '../protocol/errors.ts';
import type { ColumnType } from '../protocol/filter-tree.ts';
import type { ScopeOption } from '../protocol/scope.ts';
import type {
  Column,
  ColumnOptions,
  FileOptions,
  Reference,
  ReferenceOptions,
  Schema,
  Table,
  TableFile,
  TableOptions,
} from './schema.ts';
import { checkScope } from './scope.ts';

const columnTypes: readonly string[] = ['string', 'number', 'boolean', 'date'];
const directions: readonly unknown[] = ['both', 'up', 'down', 'local'];
const deleteRules: readonly unknown[] = ['server', 'restrict', 'null'];
const rejections: readonly unknown[] = ['keep', 'discard'];
const policies: readonly unknown[] = ['last-write-wins', 'server-wins', 'merge', 'manual'];

function fail(option: string, problem: string): never {
  throw new ConfigurationError(`startSync: ${option} ${problem}`, { details: { option } });
}

/** Fails on an option that is not there, as a misspelt one is: it would be ignored without a word. */
export function checkNames(option: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    fail(option === '' ? unknown : `${option}.${unknown}`, `is not an option. There are: ${known.join(', ')}.`);
  }
}

const columnOptions: readonly string[] = ['type', 'local', 'index'];
const tableOptions: readonly string[] = [
  'path',
  'key',
  'serverKeys',
  'columns',
  'scope',
  'references',
  'direction',
  'conflict',
  'onRejected',
  'file',
];

function parseColumn(option: string, name: string, value: ColumnType | ColumnOptions): Column {
  const { type, local = false, index = false }: ColumnOptions = typeof value === 'string' ? { type: value } : value;
  if (typeof value === 'object') checkNames(option, value, columnOptions);
  if (!columnTypes.includes(type)) {
    fail(option, `has the type ${JSON.stringify(type)}; give one of ${columnTypes.join(', ')}.`);
  }
  return { name, type, local, index };
}

function parseReferences(name: string, options: TableOptions, tableNames: readonly string[]): Reference[] {
  return Object.entries(options.references ?? {}).map(([field, value]) => {
    const { table, onDelete = 'server' }: Exclude<ReferenceOptions, string> =
      typeof value === 'string' ? { table: value } : value;
    if (!tableNames.includes(table)) {
      fail(
        `tables.${name}.references.${field}`,
        `names the table ${JSON.stringify(table)}, which is not declared. Declared are: ${tableNames.join(', ')}.`,
      );
    }
    if (!deleteRules.includes(onDelete)) {
      fail(`tables.${name}.references.${field}.onDelete`, `is not one of ${deleteRules.join(', ')}.`);
    }
    return { field, table, onDelete };
  });
}

const largestFile = 100 * 1024 * 1024;
const fileOptions: readonly string[] = ['field', 'maxBytes'];

function parseFile(option: string, key: string, value: string | FileOptions | undefined): TableFile | null {
  if (value === undefined) return null;
  const { field, maxBytes = largestFile }: FileOptions = typeof value === 'string' ? { field: value } : value;
  if (typeof value === 'object') checkNames(option, value, fileOptions);
  if (typeof field !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(field) || field === key) {
    fail(option, 'must name a field of the record, in letters, digits and _, that is not its key.');
  }
  if (!Number.isInteger(maxBytes) || maxBytes < 1) fail(`${option}.maxBytes`, 'must be a whole number from 1.');
  return { field, maxBytes };
}

function parseTable(name: string, options: TableOptions, tableNames: readonly string[]): Table {
  const option = `tables.${name}`;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) fail(option, 'is not a table name: use letters, digits and _.');
  // What the types rule out is checked as well: a worker's script may be JavaScript.
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) fail(option, 'is not an object.');
  checkNames(option, options, tableOptions);
  if (typeof options.path !== 'string' || !/^(\/|https?:\/\/)/.test(options.path)) {
    fail(`${option}.path`, 'must start with / or be an absolute http(s) URL.');
  }
  if (typeof options.key !== 'string' || options.key === '') fail(`${option}.key`, 'must name the primary key field.');
  const columns = new Map(
    Object.entries(options.columns ?? {}).map(([column, value]) => [
      column,
      parseColumn(`${option}.columns.${column}`, column, value),
    ]),
  );
  const keyColumn = columns.get(options.key)?.type ?? 'string';
  if (keyColumn !== 'string' && keyColumn !== 'number') {
    fail(
      `${option}.columns.${options.key}`,
      `is the key and has the type ${keyColumn}; a key is a string or a number.`,
    );
  }
  const { serverKeys = false } = options;
  if (typeof serverKeys !== 'boolean') fail(`${option}.serverKeys`, 'is not true or false.');
  const { scope = 'all', direction = 'both', conflict = 'last-write-wins', onRejected = 'keep' } = options;
  if (!directions.includes(direction)) fail(`${option}.direction`, `is not one of ${directions.join(', ')}.`);
  if (!rejections.includes(onRejected)) fail(`${option}.onRejected`, `is not one of ${rejections.join(', ')}.`);
  if (typeof conflict !== 'function' && !policies.includes(conflict)) {
    fail(`${option}.conflict`, `is not one of ${policies.join(', ')}, nor a function.`);
  }
  const types = Object.fromEntries([...columns.values()].map((column) => [column.name, column.type]));
  return {
    name,
    path: options.path.replace(/\/+$/, ''),
    key: options.key,
    keyType: keyColumn,
    serverKeys,
    columns,
    indexed: [...columns.values()].filter((column) => column.index).map((column) => column.name),
    columnTypes: types,
    scope: checkScope(`startSync: ${option}.scope`, { name, columnTypes: types }, scope),
    references: parseReferences(name, options, tableNames),
    direction,
    conflict,
    onRejected,
    file: parseFile(`${option}.file`, options.key, options.file),
  };
}

/**
 * Checks the declared tables.
 *
 * @throws ConfigurationError naming the option, when something in it is wrong.
 */
export function parseSchema(version: unknown, tables: unknown): Schema {
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
    fail('version', 'must be a whole number from 1: the version of your records’ shape.');
  }
  if (typeof tables !== 'object' || tables === null || Object.keys(tables).length === 0) {
    fail('tables', 'must declare at least one table.');
  }
  const names = Object.keys(tables);
  const parsed = new Map(
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- `parseTable` checks each of them
    Object.entries(tables as Record<string, TableOptions>).map(([name, options]) => [
      name,
      parseTable(name, options, names),
    ]),
  );
  const paths = new Map<string, string>();
  for (const table of parsed.values()) {
    const other = paths.get(table.path);
    if (other !== undefined) fail(`tables.${table.name}.path`, `is also the path of ${other}.`);
    paths.set(table.path, table.name);
  }
  const current = new Map(parsed);
  const useScopes = (scopes: Readonly<Record<string, ScopeOption>>): void => {
    for (const [name, table] of parsed) {
      const scope = Object.hasOwn(scopes, name) ? scopes[name] : undefined;
      current.set(name, scope === undefined ? table : { ...table, scope });
    }
  };
  return { version, tables: current, useScopes };
}
