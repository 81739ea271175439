import type { Base } from './base.ts';
import { detailOfRows, rowsBetween, seqsInFlight } from './changes.ts';
import { StaleReadError, type AnyTransaction, type Reader } from './database.ts';
import type { ChangeRow } from './format.ts';
import type { HeadRow, PackedRecords, RootBounds, RootRow } from './base-rows.ts';
import { readMarks } from './marks.ts';
import { createMatcher, type ListMatcher, type ListQuery } from './list-matcher.ts';
import { floorIndex, textAt } from './packed.ts';
import { hasKey, keysBetween } from './sorted-keys.ts';
import type { Table } from './schema.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

/** A record that does not stand in a leaf: it is changed here, or came since. Null text: it is not there any more. */
interface Overlaid {
  readonly text: string | null;
  /** For a record that was deleted here: what it was. */
  readonly deleted: string | null;
  readonly detail: StatusDetail;
}

/** One match. It brings its text along, or has its place in a leaf. */
export interface Hit {
  /** Leaf and row, or where it would stand: the order by key. */
  readonly position: number;
  readonly leaf: number;
  readonly row: number;
  readonly key: RecordKey | null;
  readonly text: string | null;
  readonly detail: StatusDetail;
  /** It was deleted here; the text is what it was. */
  readonly isDeleted: boolean;
  readonly order: readonly (string | number | null)[];
}

export const leavesInSlice = 32;
const rowsInLeaf = 1_000_000;

/** From a leaf that was read to find them, so few matches bring their texts along: it is not read once more. */
const textsOfLeaf = 8;
/** A text keeps all of its leaf in memory. */
const leavesWithTexts = 256;

interface Scan {
  readonly table: Table;
  readonly base: Base;
  readonly head: HeadRow;
  readonly root: RootRow | null;
  readonly bounds: RootBounds;
  readonly recent: ReadonlyMap<RecordKey, string | null>;
  /** Sorted, as are those that are held. */
  readonly marked: readonly RecordKey[];
  readonly held: readonly RecordKey[];
  readonly matcher: ListMatcher;
  readonly includeDeleted: boolean;
  /** How many further leaves may stay in memory by the texts of matches. */
  texts: number;
}

async function readRecent(tx: AnyTransaction, base: Base, head: HeadRow): Promise<Map<RecordKey, string | null>> {
  const recent = new Map<RecordKey, string | null>();
  for (const ref of head.segments) {
    const segment = await base.readSegment(tx, head.table, ref);
    segment.keys.forEach((key, index) => recent.set(key, textAt(segment, index)));
    for (const key of segment.removed) recent.set(key, null);
  }
  return recent;
}

/** Throws `StaleReadError` if the base or the marks are not what they were. */
export async function checkUnmoved(tx: AnyTransaction, base: Base, head: HeadRow): Promise<void> {
  const now = await base.readHead(tx, head.table);
  if (now.generation !== head.generation || now.marks !== head.marks) throw new StaleReadError(`${head.table} moved`);
}

/** What lies over the leaves between two keys: changes over segments. */
function overlaidBetween(
  scan: Scan,
  rows: readonly ChangeRow[],
  inFlight: ReadonlySet<number>,
  from: RecordKey | null,
  below: RecordKey | null,
): Map<RecordKey, Overlaid> {
  const overlaid = new Map<RecordKey, Overlaid>();
  for (const [key, text] of scan.recent) {
    if ((from === null || compareKeys(key, from) >= 0) && (below === null || compareKeys(key, below) < 0)) {
      overlaid.set(key, { text, deleted: null, detail: hasKey(scan.marked, key) ? 'pending' : 'clean' });
    }
  }
  const byKey = new Map<RecordKey, ChangeRow[]>();
  for (const row of rows) {
    const list = byKey.get(row.key);
    if (list === undefined) byKey.set(row.key, [row]);
    else list.push(row);
  }
  for (const [key, list] of byKey) {
    const detail = detailOfRows(list, inFlight, hasKey(scan.held, key));
    const last = list.at(-1);
    overlaid.set(key, { text: last?.text ?? null, deleted: last?.base?.text ?? null, detail });
  }
  return overlaid;
}

function overlayHits(scan: Scan, overlaid: ReadonlyMap<RecordKey, Overlaid>, place: (key: RecordKey) => number): Hit[] {
  const hits: Hit[] = [];
  const keys = [...overlaid.keys()].sort(compareKeys);
  keys.forEach((key, index) => {
    const entry = overlaid.get(key);
    if (entry === undefined) return;
    const { detail } = entry;
    const isDeleted = entry.text === null;
    const text = isDeleted && scan.includeDeleted ? entry.deleted : entry.text;
    const order = text === null ? null : scan.matcher.matchText(text, detail);
    if (order === null) return;
    const position = place(key) + (index + 1) / (keys.length + 1);
    hits.push({ position, leaf: -1, row: -1, key, text, detail, isDeleted, order });
  });
  return hits;
}

/** The matches of one leaf and of what lies over it. */
async function scanLeaf(
  tx: AnyTransaction,
  scan: Scan,
  root: RootRow,
  leaf: number,
  overlaid: ReadonlyMap<RecordKey, Overlaid>,
): Promise<Hit[]> {
  const { matcher, table, base } = scan;
  const count = root.counts[leaf] ?? 0;
  const hits: Hit[] = [];
  const base0 = leaf * rowsInLeaf;
  const from = leaf === 0 ? null : (root.firstKeys[leaf] ?? null);
  const marked = new Set(keysBetween(scan.marked, from, root.firstKeys[leaf + 1] ?? null));
  // Where no row can match, what lies over the leaf needs no place among its rows, and the leaf is not read.
  const mayMatch = (matcher.mayMatchClean || marked.size > 0) && matcher.mayMatchLeaf(scan.bounds, leaf);
  const needsKeys = mayMatch && (overlaid.size > 0 || marked.size > 0);
  let packed: PackedRecords | null = needsKeys ? await base.readLeaf(tx, table.name, root, leaf) : null;
  if (mayMatch) {
    const vectors = matcher.needsVectors ? await base.readVectors(tx, table.name, root, leaf) : {};
    let rows = matcher.matchVectors(vectors, count);
    if (rows === null) {
      packed ??= await base.readLeaf(tx, table.name, root, leaf);
      rows = matcher.matchLeaf(packed);
    }
    const keys = packed?.keys;
    const withTexts = rows.length > 0 && rows.length <= textsOfLeaf && scan.texts > 0 ? packed : null;
    if (withTexts !== null) scan.texts -= 1;
    for (const { row, order } of rows) {
      const key = keys?.[row] ?? null;
      if (key !== null && overlaid.has(key)) continue;
      const detail: StatusDetail = key !== null && marked.has(key) ? 'pending' : 'clean';
      if (!matcher.matchesDetail(detail)) continue;
      const text = withTexts === null ? null : textAt(withTexts, row);
      hits.push({ position: base0 + row, leaf, row, key, text, detail, isDeleted: false, order });
    }
  }
  if (overlaid.size > 0) {
    const keys = packed?.keys ?? [];
    for (const hit of overlayHits(scan, overlaid, (key) => base0 + floorIndex(keys, key))) hits.push(hit);
    hits.sort((a, b) => a.position - b.position);
  }
  return hits;
}

/** The keys of a map that fall to each leaf of a slice. */
function byLeaf(root: RootRow, overlaid: ReadonlyMap<RecordKey, Overlaid>): Map<number, Map<RecordKey, Overlaid>> {
  const leaves = new Map<number, Map<RecordKey, Overlaid>>();
  for (const [key, entry] of overlaid) {
    const leaf = Math.max(0, floorIndex(root.firstKeys, key));
    const entries = leaves.get(leaf);
    if (entries === undefined) leaves.set(leaf, new Map([[key, entry]]));
    else entries.set(key, entry);
  }
  return leaves;
}

function leavesOf(root: RootRow | null, keys: readonly RecordKey[]): ReadonlySet<number> {
  return new Set(root === null ? [] : keys.map((key) => Math.max(0, floorIndex(root.firstKeys, key))));
}

const none: ReadonlyMap<RecordKey, Overlaid> = new Map();

export interface Found {
  readonly head: HeadRow;
  readonly root: RootRow | null;
  readonly hits: Hit[];
  /** What is probably a mistake in the filter. */
  readonly warnings: readonly string[];
}

export interface FindOptions {
  /** Also the records that were deleted here and are still known to the server, matched as they were. @default false */
  readonly includeDeleted?: boolean;
}

/**
 * All matches of a query, in key order. Leaves are read in slices, each in a transaction of its own that also reads the
 * changes of its key range and checks that the base has not moved: else it throws `StaleReadError`. A query that only changed
 * and marked records can match reads the changes and the leaves of those that are marked.
 */
export async function findHits(
  reader: Reader,
  base: Base,
  table: Table,
  query: ListQuery,
  { includeDeleted = false, inSlice = leavesInSlice }: FindOptions & { readonly inSlice?: number } = {},
): Promise<Found> {
  const matcher = createMatcher(table, query);
  const scan = await reader.read(['heads', 'roots', 'segments', 'marks'], async (tx): Promise<Scan> => {
    const head = await base.readHead(tx, table.name);
    const [root, bounds, recent, marked, held] = await Promise.all([
      base.readRoot(tx, head),
      base.readBounds(tx, head, matcher.bounded),
      readRecent(tx, base, head),
      readMarks(tx, base, head, 'send'),
      readMarks(tx, base, head, 'hold'),
    ]);
    const texts = leavesWithTexts;
    return { table, base, head, root, bounds, recent, marked, held, matcher, includeDeleted, texts };
  });
  const { head, root } = scan;
  const hits: Hit[] = [];
  // Names that no record has can be told only if all records are looked at.
  let skipped = !matcher.mayMatchClean;
  const leafCount = root?.counts.length ?? 0;
  const ofMarked = matcher.mayMatchClean ? new Set<number>() : leavesOf(root, scan.marked);
  const readsAll = matcher.mayMatchClean || ofMarked.size > inSlice;
  const step = readsAll ? inSlice : Math.max(leafCount, 1);
  for (let start = 0; start === 0 || start < leafCount; start += step) {
    const end = Math.min(start + step, leafCount);
    const from = start === 0 ? null : (root?.firstKeys[start] ?? null);
    const below = end >= leafCount ? null : (root?.firstKeys[end] ?? null);
    await reader.read(['heads', 'leaves', 'vectors', 'changes', 'members'], async (tx) => {
      const [, rows, inFlight] = await Promise.all([
        checkUnmoved(tx, base, head),
        rowsBetween(tx, table.name, from, below),
        seqsInFlight(tx),
      ]);
      const overlaid = overlaidBetween(scan, rows, inFlight, from, below);
      if (root === null || leafCount === 0) {
        for (const hit of overlayHits(scan, overlaid, () => 0)) hits.push(hit);
        return;
      }
      const leaves = byLeaf(root, overlaid);
      const numbers = readsAll
        ? Array.from({ length: end - start }, (_value, index) => start + index)
        : [...new Set([...leaves.keys(), ...ofMarked])].sort((a, b) => a - b);
      skipped ||= numbers.some((leaf) => !matcher.mayMatchLeaf(scan.bounds, leaf));
      const found = await Promise.all(numbers.map((leaf) => scanLeaf(tx, scan, root, leaf, leaves.get(leaf) ?? none)));
      for (const list of found) for (const hit of list) hits.push(hit);
    });
  }
  return { head, root, hits, warnings: skipped ? matcher.warnings : [...matcher.warnings, ...matcher.finish()] };
}
