import { type Base, untilUnmoved } from './base.ts';
import { detailOfRows, rowsBetween, seqsInFlight } from './changes.ts';
import { StaleReadError, type Database, type ReadTransaction } from './database.ts';
import type { ChangeRow, HeadRow, PackedRecords, RootRow } from './format.ts';
import { readMarks } from './marks.ts';
import { compareListed, createMatcher, type ListMatcher, type ListQuery } from './list-matcher.ts';
import { floorIndex, textAt } from './packed.ts';
import type { Table } from './schema.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

export interface ListedStatus {
  readonly key: RecordKey;
  readonly detail: StatusDetail;
}

export interface ListResult {
  /** The page of the list as JSON texts. */
  readonly texts: readonly string[];
  /** How many records match, on all pages. */
  readonly total: number;
  /** Those of the page that are not clean. */
  readonly notClean: readonly ListedStatus[];
  /** How many of all that match are not synchronized. */
  readonly notSynchronized: number;
  readonly complete: boolean;
  readonly downloadedAt: number;
}

/** A record that does not stand in a leaf: it is changed here, or came since. Null text: it is not there any more. */
interface Overlaid {
  readonly text: string | null;
  readonly detail: StatusDetail;
}

/** One match. Its place is in a leaf, or it brings its text along. */
export interface Hit {
  /** Leaf and row, or where it would stand: the order by key. */
  readonly position: number;
  readonly leaf: number;
  readonly row: number;
  readonly key: RecordKey | null;
  readonly text: string | null;
  readonly detail: StatusDetail;
  readonly order: readonly (string | number | null)[];
}

const leavesInSlice = 32;
const rowsInLeaf = 1_000_000;

interface Scan {
  readonly table: Table;
  readonly base: Base;
  readonly head: HeadRow;
  readonly root: RootRow | null;
  readonly recent: ReadonlyMap<RecordKey, string | null>;
  readonly marked: ReadonlySet<RecordKey>;
  readonly held: ReadonlySet<RecordKey>;
  readonly matcher: ListMatcher;
}

async function readRecent(tx: ReadTransaction, base: Base, head: HeadRow): Promise<Map<RecordKey, string | null>> {
  const recent = new Map<RecordKey, string | null>();
  for (const ref of head.segments) {
    const segment = await base.readSegment(tx, head.table, ref);
    segment.keys.forEach((key, index) => recent.set(key, textAt(segment, index)));
    for (const key of segment.removed) recent.set(key, null);
  }
  return recent;
}

async function checkUnmoved(tx: ReadTransaction, base: Base, head: HeadRow): Promise<void> {
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
      overlaid.set(key, { text, detail: scan.marked.has(key) ? 'pending' : 'clean' });
    }
  }
  const byKey = new Map<RecordKey, ChangeRow[]>();
  for (const row of rows) {
    const list = byKey.get(row.key);
    if (list === undefined) byKey.set(row.key, [row]);
    else list.push(row);
  }
  for (const [key, list] of byKey) {
    const detail = detailOfRows(list, inFlight, scan.held.has(key));
    overlaid.set(key, { text: list.at(-1)?.text ?? null, detail });
  }
  return overlaid;
}

function overlayHits(scan: Scan, overlaid: ReadonlyMap<RecordKey, Overlaid>, place: (key: RecordKey) => number): Hit[] {
  const hits: Hit[] = [];
  const keys = [...overlaid.keys()].sort(compareKeys);
  keys.forEach((key, index) => {
    const entry = overlaid.get(key);
    if (entry === undefined || entry.text === null) return;
    const order = scan.matcher.matchText(entry.text, entry.detail);
    if (order === null) return;
    const position = place(key) + (index + 1) / (keys.length + 1);
    hits.push({ position, leaf: -1, row: -1, key, text: entry.text, detail: entry.detail, order });
  });
  return hits;
}

/** The matches of one leaf and of what lies over it. */
async function scanLeaf(
  tx: ReadTransaction,
  scan: Scan,
  root: RootRow,
  leaf: number,
  overlaid: ReadonlyMap<RecordKey, Overlaid>,
): Promise<Hit[]> {
  const { matcher, table, base } = scan;
  const count = root.counts[leaf] ?? 0;
  const hits: Hit[] = [];
  const base0 = leaf * rowsInLeaf;
  const needsKeys = overlaid.size > 0 || scan.marked.size > 0;
  const mayMatch = matcher.mayMatchClean && matcher.mayMatchLeaf(root, leaf);
  let packed: PackedRecords | null = null;
  if (needsKeys && (mayMatch || overlaid.size > 0)) packed = await base.readLeaf(tx, table.name, root, leaf);
  if (mayMatch || (scan.marked.size > 0 && matcher.mayMatchLeaf(root, leaf))) {
    const vectors = matcher.needsVectors ? await base.readVectors(tx, table.name, root, leaf) : {};
    let rows = matcher.matchVectors(vectors, count);
    if (rows === null) {
      packed ??= await base.readLeaf(tx, table.name, root, leaf);
      rows = matcher.matchLeaf(packed);
    }
    const keys = needsKeys ? (packed?.keys ?? null) : null;
    for (const { row, order } of rows) {
      const key = keys?.[row] ?? null;
      if (key !== null && overlaid.has(key)) continue;
      const detail: StatusDetail = key !== null && scan.marked.has(key) ? 'pending' : 'clean';
      if (!matcher.matchesDetail(detail)) continue;
      hits.push({ position: base0 + row, leaf, row, key, text: null, detail, order });
    }
  }
  if (overlaid.size > 0) {
    const keys = packed?.keys ?? [];
    hits.push(...overlayHits(scan, overlaid, (key) => base0 + floorIndex(keys, key)));
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

const none: ReadonlyMap<RecordKey, Overlaid> = new Map();

/**
 * All matches of a query, in key order. Leaves are read in slices, each in a transaction of its own that also reads the
 * changes of its key range and checks that the base has not moved.
 */
export async function findHits(
  database: Database,
  base: Base,
  table: Table,
  query: ListQuery,
): Promise<{ readonly head: HeadRow; readonly root: RootRow | null; readonly hits: Hit[] }> {
  const matcher = createMatcher(table, query);
  const scan = await database.read(['heads', 'roots', 'segments', 'marks'], async (tx): Promise<Scan> => {
    const head = await base.readHead(tx, table.name);
    const [root, recent, marked, held] = await Promise.all([
      base.readRoot(tx, head),
      readRecent(tx, base, head),
      readMarks(tx, head, 'send'),
      readMarks(tx, head, 'hold'),
    ]);
    return { table, base, head, root, recent, marked: new Set(marked), held: new Set(held), matcher };
  });
  const { head, root } = scan;
  const hits: Hit[] = [];
  const leafCount = root?.counts.length ?? 0;
  for (let start = 0; start === 0 || start < leafCount; start += leavesInSlice) {
    const end = Math.min(start + leavesInSlice, leafCount);
    const from = start === 0 ? null : (root?.firstKeys[start] ?? null);
    const below = end >= leafCount ? null : (root?.firstKeys[end] ?? null);
    await database.read(['heads', 'leaves', 'vectors', 'changes', 'members'], async (tx) => {
      const [, rows, inFlight] = await Promise.all([
        checkUnmoved(tx, base, head),
        rowsBetween(tx, table.name, from, below),
        seqsInFlight(tx),
      ]);
      const overlaid = overlaidBetween(scan, rows, inFlight, from, below);
      if (root === null || leafCount === 0) {
        hits.push(...overlayHits(scan, overlaid, () => 0));
        return;
      }
      const leaves = byLeaf(root, overlaid);
      const found = await Promise.all(
        Array.from({ length: end - start }, (_value, index) =>
          scanLeaf(tx, scan, root, start + index, leaves.get(start + index) ?? none),
        ),
      );
      for (const list of found) for (const hit of list) hits.push(hit);
    });
  }
  return { head, root, hits };
}

/** The JSON of each hit, read from its leaf where it stands in one. */
async function textsOf(
  database: Database,
  base: Base,
  table: Table,
  head: HeadRow,
  root: RootRow | null,
  hits: readonly Hit[],
): Promise<string[]> {
  const texts = new Array<string>(hits.length).fill('');
  const byLeafNumber = new Map<number, number[]>();
  hits.forEach((hit, index) => {
    if (hit.text !== null) texts[index] = hit.text;
    else byLeafNumber.set(hit.leaf, [...(byLeafNumber.get(hit.leaf) ?? []), index]);
  });
  const leaves = [...byLeafNumber.keys()];
  for (let start = 0; root !== null && start < leaves.length; start += leavesInSlice) {
    const slice = leaves.slice(start, start + leavesInSlice);
    const packed = await database.read(['heads', 'leaves'], async (tx) => {
      await checkUnmoved(tx, base, head);
      return Promise.all(slice.map((leaf) => base.readLeaf(tx, table.name, root, leaf)));
    });
    slice.forEach((leaf, at) => {
      const records = packed[at];
      if (records === undefined) return;
      for (const index of byLeafNumber.get(leaf) ?? []) texts[index] = textAt(records, hits[index]?.row ?? 0);
    });
  }
  return texts;
}

/** Answers a list request from the database: filter, order, page, total, and what of it is not synchronized. */
export function readList(database: Database, base: Base, table: Table, query: ListQuery): Promise<ListResult> {
  return untilUnmoved(async () => {
    const { head, root, hits } = await findHits(database, base, table, query);
    if (query.orderBy.length > 0) hits.sort(compareListed(query.orderBy));
    const page = hits.slice(query.offset, query.limit === null ? undefined : query.offset + query.limit);
    const texts = await textsOf(database, base, table, head, root, page);
    const isNotSynchronized = (hit: Hit): boolean => hit.detail !== 'clean' && hit.detail !== 'held';
    const notClean = page.flatMap((hit, index) => {
      if (hit.detail === 'clean') return [];
      const key = hit.key ?? keyIn(texts[index], table);
      return key === null ? [] : [{ key, detail: hit.detail }];
    });
    return {
      texts,
      total: hits.length,
      notClean,
      notSynchronized: hits.filter(isNotSynchronized).length,
      complete: head.complete,
      downloadedAt: head.downloadedAt,
    };
  });
}

function keyIn(text: string | undefined, table: Table): RecordKey | null {
  const record: unknown = text === undefined ? null : JSON.parse(text);
  if (typeof record !== 'object' || record === null) return null;
  const key: unknown = Reflect.get(record, table.key);
  return typeof key === 'string' || typeof key === 'number' ? key : null;
}
