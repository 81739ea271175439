import { columnsOf, filterFailure, nearest } from '../filter/index.ts';
import type { FilterTree } from '../protocol/filter-tree.ts';
import type { JsonObject } from '../protocol/record.ts';
import type { Table } from './schema.ts';

const recordsForNames = 20;

/**
 * Watches for the columns of a filter that are not declared. Records may have more fields than their table declares, so
 * that only the records can tell whether such a name is one.
 */
export interface ColumnWatch {
  look(record: JsonObject): void;
  /**
   * Once every record was looked at: throws `FilterError` for a name that none has and that is nearly another's; any other
   * name that none has gives a warning.
   */
  finish(): readonly string[];
}

const nothing: ColumnWatch = { look: () => undefined, finish: () => [] };

function hasField(record: JsonObject, name: string): boolean {
  if (Object.hasOwn(record, name)) return true;
  const lowerCase = name.toLowerCase();
  return Object.keys(record).some((field) => field.length === name.length && field.toLowerCase() === lowerCase);
}

/** `source` is the text that the filter was parsed from, if it was: the error points into it. */
export function watchColumns(table: Table, filter: FilterTree | null, source: string | undefined): ColumnWatch {
  const referring = table.references.map((reference) => reference.field);
  const declared = [...new Set([...table.columns.keys(), table.key, ...referring])];
  const lowerCase = new Set(declared.map((name) => name.toLowerCase()));
  const names = filter === null ? [] : [...columnsOf(filter)].filter((name) => !lowerCase.has(name.toLowerCase()));
  if (names.length === 0) return nothing;
  const unseen = new Set(names);
  const fields = new Set(declared);
  let looked = 0;
  return {
    look: (record) => {
      looked += 1;
      if (looked <= recordsForNames) for (const field of Object.keys(record)) fields.add(field);
      for (const name of unseen) if (hasField(record, name)) unseen.delete(name);
    },
    finish: () => {
      if (looked === 0) return [];
      return [...unseen].map((name) => {
        const meant = nearest(name, fields);
        if (meant === undefined) return `No record of ${table.name} has a column "${name}".`;
        const position = source?.indexOf(name) ?? -1;
        throw position < 0 || source === undefined
          ? filterFailure(name, 0, `a column of ${table.name}`, meant)
          : filterFailure(source, position, `a column of ${table.name}`, meant);
      });
    },
  };
}
