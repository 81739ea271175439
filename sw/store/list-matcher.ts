import {
  columnsOf,
  columnValue,
  compareValues,
  compileBounds,
  compileFilter,
  compileVectorFilter,
  type ColumnBounds,
  type ColumnVectors,
  type ComparedValue,
  type FilterParameters,
} from '../filter/index.ts';
import type { FilterTree, OrderTerm } from '../protocol/filter-tree.ts';
import { isJsonObject, type JsonObject } from '../protocol/record.ts';
import { statusOfDetail, type StatusDetail, type SyncStatus } from '../protocol/status.ts';
import { watchColumns } from './column-watch.ts';
import type { PackedRecords, RootBounds } from './base-rows.ts';
import type { Table } from './schema.ts';
import { vectorValue } from './vectors.ts';

export interface ListQuery {
  readonly filter: FilterTree | null;
  readonly params: FilterParameters;
  readonly orderBy: readonly OrderTerm[];
  /** Null: all. */
  readonly limit: number | null;
  readonly offset: number;
  readonly status: SyncStatus | StatusDetail | null;
  /** The text that the filter was parsed from: errors point into it. */
  readonly source?: string;
}

type OrderValues = readonly ComparedValue[];

interface MatchedRow {
  readonly row: number;
  readonly order: OrderValues;
}

/** What a query asks of a record, of a leaf's vectors, and of a leaf's bounds. */
export interface ListMatcher {
  readonly warnings: readonly string[];
  /** Whether the vectors hold all that the query reads. */
  readonly needsVectors: boolean;
  /** Whether records without a change or mark can match at all. */
  readonly mayMatchClean: boolean;
  mayMatchLeaf(bounds: RootBounds, leaf: number): boolean;
  /** The columns whose bounds tell something. */
  readonly bounded: readonly string[];
  matchesDetail(detail: StatusDetail): boolean;
  /** The rows that match; null if the vectors do not hold what the query reads. */
  matchVectors(vectors: ColumnVectors, count: number): readonly MatchedRow[] | null;
  matchLeaf(packed: PackedRecords): readonly MatchedRow[];
  /** The record's order values if it matches, else null. */
  matchText(text: string, detail: StatusDetail): OrderValues | null;
  /** Once every record was matched: warnings of names that no record has. Throws `FilterError` for a misspelt one. */
  finish(): readonly string[];
}

const noOrder: OrderValues = [];

function parseRecord(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

export function createMatcher(table: Table, query: ListQuery): ListMatcher {
  const { filter, orderBy, status } = query;
  const options = { types: table.columnTypes, params: query.params };
  const { test, warnings } = filter === null ? { test: () => true, warnings: [] } : compileFilter(filter, options);
  const watch = watchColumns(table, filter, query.source);
  const vectorTest = filter === null ? null : compileVectorFilter(filter, options);
  const boundsTest = filter === null ? null : compileBounds(filter, options);
  const declared = Object.keys(table.columnTypes);
  const declaredName = (name: string): string =>
    table.columns.has(name) ? name : (declared.find((other) => other.toLowerCase() === name.toLowerCase()) ?? name);
  const needed = new Set([
    ...(filter === null ? [] : [...columnsOf(filter)].map(declaredName)),
    ...orderBy.map((term) => declaredName(term.column)),
  ]);
  const orderColumns = orderBy.map((term) => declaredName(term.column));
  const bounded = filter === null ? [] : table.indexed.filter((name) => needed.has(name));

  const orderOf = (record: JsonObject): OrderValues =>
    orderColumns.length === 0
      ? noOrder
      : orderColumns.map((name) =>
          columnValue(Object.hasOwn(record, name) ? record[name] : null, table.columnTypes[name]),
        );

  const matchesDetail = (detail: StatusDetail): boolean =>
    status === null || status === detail || status === statusOfDetail(detail).status;

  return {
    warnings,
    finish: () => watch.finish(),
    needsVectors: needed.size > 0 && [...needed].every((name) => Object.hasOwn(table.columnTypes, name)),
    mayMatchClean: matchesDetail('clean'),
    bounded,
    mayMatchLeaf: (bounds, leaf) => {
      if (boundsTest === null) return true;
      const ofLeaf: Record<string, ColumnBounds> = {};
      for (const name of bounded) {
        const known = bounds[name]?.[leaf];
        if (known !== null && known !== undefined) ofLeaf[name] = known;
      }
      return boundsTest(ofLeaf);
    },
    matchesDetail,
    matchVectors: (vectors, count) => {
      for (const name of needed) if (!Object.hasOwn(vectors, name)) return null;
      const mask = vectorTest?.(vectors, count) ?? null;
      const orderVectors = orderColumns.map((name) => vectors[name]);
      const rows: MatchedRow[] = [];
      for (let row = 0; row < count; row += 1) {
        if (mask !== null && mask[row] !== 1) continue;
        const order =
          orderVectors.length === 0
            ? noOrder
            : orderVectors.map((vector) => (vector === undefined ? null : vectorValue(vector, row)));
        rows.push({ row, order });
      }
      return rows;
    },
    matchLeaf: (packed) => {
      const records: unknown = JSON.parse(`[${packed.text}]`);
      if (!Array.isArray(records)) return [];
      return records.flatMap((record: unknown, row) => {
        if (!isJsonObject(record)) return [];
        watch.look(record);
        return test(record) ? [{ row, order: orderOf(record) }] : [];
      });
    },
    matchText: (text, detail) => {
      if (!matchesDetail(detail)) return null;
      if (filter === null && orderBy.length === 0) return noOrder;
      const record = parseRecord(text);
      watch.look(record);
      return test(record) ? orderOf(record) : null;
    },
  };
}

/** Sorts hits by the order asked for, then by key. */
export function compareListed(
  orderBy: readonly OrderTerm[],
): (a: { order: OrderValues; position: number }, b: { order: OrderValues; position: number }) => number {
  // The values are compared as `columnValue` made them: numbers before texts, NULL first.
  const compare = compareValues();
  return (a, b) => {
    for (let index = 0; index < orderBy.length; index += 1) {
      const order = compare(a.order[index] ?? null, b.order[index] ?? null);
      if (order !== 0) return orderBy[index]?.descending === true ? -order : order;
    }
    return a.position - b.position;
  };
}
