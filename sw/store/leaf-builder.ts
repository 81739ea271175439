import { boundsOf, buildVectors } from './vectors.ts';
import { packRecords, type StoredRecord } from './packed.ts';
import type { BoundedRoot, PackedRecords, RootBounds, RootRow } from './base-rows.ts';
import type { Table } from './schema.ts';
import type { ColumnBounds, ColumnVectors } from '../filter/index.ts';
import type { JsonRecord } from '../protocol/record.ts';

/** Chromium keeps values above 64 KiB as files of their own; a leaf of Latin text stays below that. */
const leafCharacters = 60_000;
const leafRecords = 1024;

/** A record with its fields, on its way into a leaf. */
export interface ParsedRecord extends StoredRecord {
  readonly fields: JsonRecord;
}

export interface BuiltLeaf {
  readonly packed: PackedRecords;
  readonly vectors: ColumnVectors;
  readonly bounds: Readonly<Record<string, ColumnBounds>>;
}

function buildLeaf(table: Table, records: readonly ParsedRecord[]): BuiltLeaf {
  const columns = [...table.columns.values()];
  const vectors = buildVectors(
    columns,
    records.map((record) => record.fields),
  );
  return { packed: packRecords(records), vectors, bounds: boundsOf(columns, vectors, records.length) };
}

/** Cuts records that come sorted by key into leaves. */
export interface LeafBuilder {
  /** Takes a record; returns a leaf when one is full. */
  add(record: ParsedRecord): BuiltLeaf | null;
  /** The last leaf, or null if nothing is left. */
  finish(): BuiltLeaf | null;
}

export function createLeafBuilder(table: Table): LeafBuilder {
  let records: ParsedRecord[] = [];
  let characters = 0;
  const finish = (): BuiltLeaf | null => {
    if (records.length === 0) return null;
    const leaf = buildLeaf(table, records);
    records = [];
    characters = 0;
    return leaf;
  };
  return {
    add: (record) => {
      const full =
        records.length > 0 && (characters + record.text.length > leafCharacters || records.length >= leafRecords);
      const leaf = full ? finish() : null;
      records.push(record);
      characters += record.text.length + 1;
      return leaf;
    },
    finish,
  };
}

export const emptyRoot: BoundedRoot = { generations: [], numbers: [], firstKeys: [], counts: [], bounds: {} };

/** The root of the leaves of several, one behind the other. */
export function joinRoots(parts: readonly BoundedRoot[]): BoundedRoot {
  const names = Object.keys(parts[0]?.bounds ?? {});
  return {
    generations: parts.flatMap((part) => part.generations),
    numbers: parts.flatMap((part) => part.numbers),
    firstKeys: parts.flatMap((part) => part.firstKeys),
    counts: parts.flatMap((part) => part.counts),
    bounds: Object.fromEntries(
      names.map((name) => [name, parts.flatMap((part) => part.bounds[name] ?? part.counts.map(() => null))]),
    ),
  };
}

/** Collects the leaves of a new root, in key order. */
export interface RootBuilder {
  addLeaf(generation: number, number: number, leaf: BuiltLeaf): void;
  /** Takes over a leaf of an older root. */
  keepLeaf(root: RootRow, bounds: RootBounds, index: number): void;
  /** A copy of the root so far. */
  root(): BoundedRoot;
}

export function createRootBuilder(table: Table, from: BoundedRoot = emptyRoot): RootBuilder {
  const generations = [...from.generations];
  const numbers = [...from.numbers];
  const firstKeys = [...from.firstKeys];
  const counts = [...from.counts];
  const bounds = new Map(
    table.indexed.map((name) => [name, from.counts.map((_count, index) => from.bounds[name]?.[index] ?? null)]),
  );
  // A leaf whose column has no vector could hold anything: null.
  const addBounds = (of: (name: string) => ColumnBounds | null | undefined): void => {
    for (const [name, list] of bounds) list.push(of(name) ?? null);
  };
  return {
    addLeaf: (generation, number, leaf) => {
      const [first] = leaf.packed.keys;
      if (first === undefined) return;
      generations.push(generation);
      numbers.push(number);
      firstKeys.push(first);
      counts.push(leaf.packed.keys.length);
      addBounds((name) => leaf.bounds[name]);
    },
    keepLeaf: (root, old, index) => {
      const first = root.firstKeys[index];
      if (first === undefined) return;
      generations.push(root.generations[index] ?? 0);
      numbers.push(root.numbers[index] ?? 0);
      firstKeys.push(first);
      counts.push(root.counts[index] ?? 0);
      addBounds((name) => old[name]?.[index]);
    },
    root: () => ({
      generations: [...generations],
      numbers: [...numbers],
      firstKeys: [...firstKeys],
      counts: [...counts],
      bounds: Object.fromEntries([...bounds].map(([name, list]) => [name, [...list]])),
    }),
  };
}
