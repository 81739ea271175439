import { ConfigurationError } from '../protocol/errors.ts';
import type { ColumnType } from '../protocol/filter-tree.ts';
import { parametersOf, toFilterTree } from '../filter/index.ts';
import type { ScopeOption } from '../protocol/scope.ts';

const names = ['all', 'nothing-clear', 'nothing-preserve', 'never', 'online'] as const;

/** Looks a scope through: its name, or its filter with a value for each parameter. Throws an error that names the option. */
export function checkScope(
  option: string,
  table: { readonly name: string; readonly columnTypes: Readonly<Record<string, ColumnType>> },
  scope: unknown,
): ScopeOption {
  const fail = (problem: string, cause?: unknown): never => {
    throw new ConfigurationError(`${option} ${problem}`, {
      details: { option: option.replace(/^startSync: /, ''), table: table.name },
      cause,
    });
  };
  const named = names.find((name) => name === scope);
  if (named !== undefined) return named;
  if (typeof scope !== 'object' || scope === null || !('filter' in scope)) {
    return fail(`is not one of ${names.join(', ')}, nor { filter, params }.`);
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the filter and the parameters are looked at below
  const given = scope as Exclude<ScopeOption, string>;
  const values: unknown = given.params ?? {};
  if (typeof values !== 'object' || values === null) return fail('has params that are no object.');
  try {
    const tree = toFilterTree(given.filter, { types: table.columnTypes, table: table.name });
    const missing = [...parametersOf(tree)].find((name) => !Object.hasOwn(values, name));
    if (missing !== undefined) return fail(`has the parameter :${missing}, for which params has no value.`);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    return fail(`has a filter that is wrong: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  return given;
}
