import type { Base } from './base.ts';
import type { Database } from './database.ts';
import type { StoreName } from './format.ts';
import type { BoundedRoot, HeadRow, PackedRecords, RootBounds, RootRow } from './base-rows.ts';
import {
  createLeafBuilder,
  createRootBuilder,
  type BuiltLeaf,
  type ParsedRecord,
  type RootBuilder,
} from './leaf-builder.ts';
import { takeNumbers } from './meta.ts';
import { floorIndex, recordAt } from './packed.ts';
import { putRoot } from './roots.ts';
import type { Table } from './schema.ts';
import { compareKeys, isJsonObject, type JsonObject, type RecordKey } from '../protocol/record.ts';

/** Segments are merged into leaves when they hold more records than this, or are more than these. */
const recordsBound = 4096;
const segmentsBound = 12;
const leavesInSlice = 8;

/** What segments say of a record: its newest copy, or null where it is gone. */
type Recent = ReadonlyMap<RecordKey, ParsedRecord | null>;

export function wantsMerging(head: HeadRow): boolean {
  const records = head.segments.reduce((sum, segment) => sum + segment.records + segment.removals, 0);
  return records > recordsBound || head.segments.length > segmentsBound;
}

function parse(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

function recordsOf(packed: PackedRecords): ParsedRecord[] {
  return packed.keys.flatMap((_key, index) => {
    const record = recordAt(packed, index);
    return record === null ? [] : [{ ...record, fields: parse(record.text) }];
  });
}

function merged(old: readonly ParsedRecord[], keys: readonly RecordKey[], recent: Recent): ParsedRecord[] {
  const records = new Map(old.map((record) => [record.key, record]));
  for (const key of keys) {
    const record = recent.get(key) ?? null;
    if (record === null) records.delete(key);
    else records.set(key, record);
  }
  return [...records.values()].sort((a, b) => compareKeys(a.key, b.key));
}

interface MergeState {
  readonly head: HeadRow;
  readonly root: RootRow | null;
  readonly bounds: RootBounds;
  readonly recent: Recent;
}

async function readMergeState(database: Database, base: Base, table: Table): Promise<MergeState> {
  return database.read(['heads', 'roots', 'segments'], async (tx) => {
    const head = await base.readHead(tx, table.name);
    const root = await base.readRoot(tx, head);
    const bounds = await base.readBounds(tx, head, table.indexed);
    const recent = new Map<RecordKey, ParsedRecord | null>();
    for (const ref of head.segments) {
      const segment = await base.readSegment(tx, table.name, ref);
      for (const record of recordsOf(segment)) recent.set(record.key, record);
      for (const key of segment.removed) recent.set(key, null);
    }
    return { head, root, bounds, recent };
  });
}

function build(table: Table, records: readonly ParsedRecord[]): BuiltLeaf[] {
  const builder = createLeafBuilder(table);
  const leaves = records.flatMap((record) => builder.add(record) ?? []);
  const last = builder.finish();
  return last === null ? leaves : [...leaves, last];
}

/**
 * Merges a table's segments into new leaves, written beside the old in slices; then one small transaction names them. Only
 * the holder of the run lock may call it. Killed anywhere, it leaves pieces that no root names.
 */
export async function mergeSegments(
  database: Database,
  base: Base,
  table: Table,
  shouldYield: () => boolean,
): Promise<'merged' | 'yielded'> {
  const { head, root, bounds, recent } = await readMergeState(database, base, table);
  const leafCount = root?.counts.length ?? 0;
  const byLeaf = new Map<number, RecordKey[]>();
  for (const key of recent.keys()) {
    const leaf = root === null ? 0 : Math.max(0, floorIndex(root.firstKeys, key));
    const keys = byLeaf.get(leaf);
    if (keys === undefined) byLeaf.set(leaf, [key]);
    else keys.push(key);
  }
  const generation = await database.write(['meta'], (tx) => takeNumbers(tx, 'number', 1), { durability: 'relaxed' });
  const builder: RootBuilder = createRootBuilder(table);
  let written = 0;
  for (let start = 0; start === 0 || start < leafCount; start += leavesInSlice) {
    if (shouldYield()) return 'yielded';
    const end = Math.max(1, Math.min(start + leavesInSlice, leafCount));
    const touched = Array.from({ length: end - start }, (_value, index) => start + index).filter((leaf) =>
      byLeaf.has(leaf),
    );
    const old = await database.read(['leaves'], (tx) =>
      Promise.all(
        touched.map((leaf) => (root === null ? Promise.resolve(null) : base.readLeaf(tx, table.name, root, leaf))),
      ),
    );
    const writes: { readonly leaf: BuiltLeaf; readonly number: number }[] = [];
    for (let leaf = start; leaf < end; leaf += 1) {
      const keys = byLeaf.get(leaf);
      if (keys === undefined) {
        if (root !== null) builder.keepLeaf(root, bounds, leaf);
        continue;
      }
      const packed = old[touched.indexOf(leaf)] ?? null;
      for (const built of build(table, merged(packed === null ? [] : recordsOf(packed), keys, recent))) {
        builder.addLeaf(generation, written, built);
        writes.push({ leaf: built, number: written });
        written += 1;
      }
    }
    if (writes.length === 0) continue;
    await database.write(
      ['leaves', 'vectors'],
      async (tx) => {
        await Promise.all(
          writes.flatMap(({ leaf, number }) => {
            const key: [string, number, number] = [table.name, generation, number];
            return [tx.objectStore('leaves').put(leaf.packed, key), tx.objectStore('vectors').put(leaf.vectors, key)];
          }),
        );
      },
      { durability: 'relaxed' },
    );
  }
  await nameRoot(database, base, head, { generation, root: builder.root() });
  return 'merged';
}

async function nameRoot(
  database: Database,
  base: Base,
  head: HeadRow,
  made: { readonly generation: number; readonly root: BoundedRoot },
): Promise<void> {
  const count = made.root.counts.reduce((sum, leaf) => sum + leaf, 0);
  await database.write(['roots'], (tx) => putRoot(tx, [head.table, made.generation], made.root));
  await database.write(['heads'], async (tx) => {
    const now = await base.readHead(tx, head.table);
    if (now.root !== head.root) return;
    const mergedIds = new Set(head.segments.map((segment) => segment.id));
    const segments = now.segments.filter((segment) => !mergedIds.has(segment.id));
    // SPEC L-5: the server counted as many records; if not, the next run downloads the table anew.
    const isShort = now.expectedCount !== null && segments.length === 0 && now.expectedCount !== count;
    const root = made.root.counts.length === 0 ? null : made.generation;
    const next = { ...now, generation: now.generation + 1, root, segments };
    await tx.objectStore('heads').put(isShort ? { ...next, cursor: null, expectedCount: null } : next);
  });
}

const sweepScope: StoreName[] = ['heads', 'roots', 'leaves', 'vectors', 'segments', 'runs'];
const deletesInTransaction = 200;

/** Deletes what no head and no open download names (L-7). Only the holder of the run lock may call it. */
export async function sweepTable(database: Database, base: Base, table: string): Promise<void> {
  const range = IDBKeyRange.bound([table], [table, []]);
  const doomed = await database.read(sweepScope, async (tx) => {
    const head = await base.readHead(tx, table);
    const row = await tx.objectStore('runs').get(`staged:${table}`);
    const staged = row !== undefined && 'generation' in row ? row : undefined;
    const root = await base.readRoot(tx, head);
    const named = new Set(root?.generations.map((generation, index) => `${generation}/${root.numbers[index] ?? 0}`));
    const segments = new Set([...head.segments, ...(staged?.segments ?? [])].map((segment) => segment.id));
    const [leaves, segmentKeys, roots] = await Promise.all([
      tx.objectStore('leaves').getAllKeys(range),
      tx.objectStore('segments').getAllKeys(range),
      tx.objectStore('roots').getAllKeys(range),
    ]);
    return {
      leaves: leaves.filter((key) => key[1] !== staged?.generation && !named.has(`${key[1]}/${key[2]}`)),
      segments: segmentKeys.filter((key) => !segments.has(key[1])),
      roots: roots.filter((key) => key[1] !== head.root && key[1] !== staged?.generation),
    };
  });
  for (let start = 0; start < doomed.leaves.length; start += deletesInTransaction) {
    const keys = doomed.leaves.slice(start, start + deletesInTransaction);
    await database.write(
      ['leaves', 'vectors'],
      async (tx) => {
        await Promise.all(
          keys.flatMap((key) => [tx.objectStore('leaves').delete(key), tx.objectStore('vectors').delete(key)]),
        );
      },
      { durability: 'relaxed' },
    );
  }
  if (doomed.segments.length === 0 && doomed.roots.length === 0) return;
  await database.write(
    ['segments', 'roots'],
    async (tx) => {
      await Promise.all([
        ...doomed.segments.map((key) => tx.objectStore('segments').delete(key)),
        ...doomed.roots.map((key) => tx.objectStore('roots').delete(key)),
      ]);
    },
    { durability: 'relaxed' },
  );
}
