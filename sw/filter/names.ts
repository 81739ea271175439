import type { ColumnType, FilterTree } from '../protocol/filter-tree.ts';
import { nearest } from './nearest.ts';

/** The declared columns: object keys are names in their declared spelling. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

export interface NameOptions {
  /** The declared types of columns, by name. They also give names written in another case their spelling. */
  readonly types?: ColumnTypes | undefined;
  /** All columns of a closed table: any other name is a `FilterError`. Leave it out where records may have more. */
  readonly known?: ReadonlySet<string> | undefined;
}

/** The declared spelling of a column name written in any case. `fail` makes the error for an unknown name. */
export function resolveName(
  name: string,
  { types = {}, known }: NameOptions,
  fail: (expected: string, nearest: string | undefined) => Error,
): string {
  if (Object.hasOwn(types, name) || known?.has(name)) return name;
  const names = [...(known ?? []), ...Object.keys(types)];
  const lowerCase = name.toLowerCase();
  const declared = names.find((candidate) => candidate.toLowerCase() === lowerCase);
  if (declared === undefined && known) throw fail('a column of the table', nearest(name, names));
  return declared ?? name;
}

/** The names of all columns that a filter reads, as the filter spells them. */
export function columnsOf(tree: FilterTree): ReadonlySet<string> {
  return namesOf('column', tree, new Set());
}

/** The names of all parameters that a filter needs. */
export function parametersOf(tree: FilterTree): ReadonlySet<string> {
  return namesOf('parameter', tree, new Set());
}

/** Walks a tree as the plain JSON that it is: only columns and parameters have a name. */
function namesOf(type: 'column' | 'parameter', part: object, names: Set<string>): Set<string> {
  if ('type' in part && part.type === type && 'name' in part) return names.add(String(part.name));
  const inners: readonly unknown[] = Object.values(part);
  for (const inner of inners) {
    if (typeof inner === 'object' && inner !== null) namesOf(type, inner, names);
  }
  return names;
}
