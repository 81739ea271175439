import type { Base } from './base.ts';
import type { AnyTransaction } from './database.ts';
import type { ChangeRow, StoreName } from './format.ts';
import { readSeqState, readStamp } from './meta.ts';

/** How many changes each table had when the last `seq` given out was `last`. */
export interface KnownCounts {
  readonly stamp: string | null;
  readonly last: number;
  readonly tables: ReadonlyMap<string, number>;
}

/** The same as JSON, kept beside the database in a note that has the last `seq`. */
export interface NotedCounts extends Pick<KnownCounts, 'stamp'> {
  readonly tables: Readonly<Record<string, number>>;
}

export const changeCountScope: StoreName[] = ['changes', 'meta'];

/** A request for each table that has changes, not for each declared one. */
async function countAll(tx: AnyTransaction): Promise<Map<string, number>> {
  const store = tx.objectStore('changes');
  const tables = new Map<string, number>();
  for (let key = await store.getKey(IDBKeyRange.lowerBound([])); key !== undefined;) {
    const [table] = key;
    const range = IDBKeyRange.bound([table], [table, []]);
    const [count, next] = await Promise.all([store.count(range), store.getKey(IDBKeyRange.lowerBound([table, []]))]);
    tables.set(table, count);
    key = next;
  }
  return tables;
}

async function countSince(tx: AnyTransaction, { last, tables }: KnownCounts): Promise<Map<string, number>> {
  const counts = new Map(tables);
  const keys = await tx.objectStore('changes').index('seq').getAllKeys(IDBKeyRange.lowerBound(last, true));
  for (const [table] of keys) counts.set(table, (counts.get(table) ?? 0) + 1);
  return counts;
}

/**
 * How many changes each table has, for those that have some. Browsers count row by row: while nothing but guessed writes
 * has come since the last time, each of which adds a row, only what they added is counted. Scope: `changeCountScope`.
 */
export async function countChanges(tx: AnyTransaction, base: Base): Promise<ReadonlyMap<string, number>> {
  const [stamp, { last }] = await Promise.all([readStamp(tx), readSeqState(tx)]);
  const { counted } = base;
  const known = counted.known?.stamp === stamp ? counted.known : null;
  if (known?.last === last) return known.tables;
  const tables = await (known === null ? countAll(tx) : countSince(tx, known));
  // What a writing transaction counts may be its own, and be rolled back.
  if (tx.mode === 'readonly') counted.known = { stamp, last, tables };
  return tables;
}

/** What a transaction did that was stored: it took these rows away, and left all others in their places. */
export interface RowsTaken {
  /** The stamps that it found, and that it left. */
  readonly from: string | null;
  readonly to: string;
  readonly gone: readonly Pick<ChangeRow, 'table' | 'seq'>[];
}

/** Keeps what is known of the counts over such a transaction: else a long upload would have all rows counted again and again. */
export function keepCounts({ counted }: Base, { from, to, gone }: RowsTaken): void {
  const { known } = counted;
  // Counted since, or never.
  if (known === null || known.stamp !== from) return;
  const tables = new Map(known.tables);
  const { last } = known;
  // Later ones were not counted.
  for (const { table } of gone.filter(({ seq }) => seq <= last)) tables.set(table, (tables.get(table) ?? 0) - 1);
  counted.known = { stamp: to, last, tables: new Map([...tables].filter(([, count]) => count > 0)) };
}

/** The counts as a note, if they are known as they were at this `seq`. */
export function noteCounts({ counted: { known } }: Base, seq: number): { readonly counts?: Readonly<NotedCounts> } {
  if (known?.last !== seq) return {};
  return { counts: { stamp: known.stamp, tables: Object.fromEntries(known.tables) } };
}

/** Takes the counts from another worker's note. Their stamp tells whether they are still right, but not that writes were lost. */
export function recallCounts(
  { counted }: Base,
  { seq, counts }: { readonly seq: number; readonly counts?: NotedCounts },
): void {
  if (counts === undefined) return;
  counted.known = { stamp: counts.stamp, last: seq, tables: new Map(Object.entries(counts.tables)) };
}
