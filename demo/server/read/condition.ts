import { quoteName } from '../database/database.ts';
import { hasNumberKey, type TableDefinition } from '../schema/table-definition.ts';

/** Takes a value into a statement's parameters and gives its placeholder. */
export type Bind = (value: unknown) => string;

/** An SQL condition on a table's columns. */
export type Condition = (bind: Bind) => string;

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export function statement(build: (bind: Bind) => string): Statement {
  const parameters: unknown[] = [];
  const sql = build((value) => `$${parameters.push(value)}`);
  return { sql, parameters };
}

export const everything: Condition = () => 'true';

export function both(a: Condition, b: Condition): Condition {
  return (bind) => `(${a(bind)}) and (${b(bind)})`;
}

/** The rows that a user may read. */
export function readableBy(table: TableDefinition, user: string): Condition {
  return table.access.type === 'shared' ? everything : (bind) => `_owner = ${bind(user)}::text`;
}

/** Whose rows and tombstones of this table a user sees: their own, or in a shared table those of no one. */
export function audienceOf(table: TableDefinition, user: string): string {
  return table.access.type === 'shared' ? '' : user;
}

export function keyType(table: TableDefinition): string {
  return hasNumberKey(table) ? 'double precision' : 'text';
}

export function keyColumn(table: TableDefinition): string {
  return quoteName(table.key);
}
