import type { AnyTransaction } from './database.ts';
import type { StoreName } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import type { Base } from './base.ts';
import { changeCountScope, countChanges } from './change-counts.ts';
import { readMarks } from './marks.ts';
import { type Schema, isUploaded } from './schema.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { PendingCounts, StatusDetail } from '../protocol/status.ts';

export const countScope: StoreName[] = [...changeCountScope, 'commands', 'drafts', 'members', 'heads', 'marks'];

const stuckStates = ['rejected', 'conflict', 'blocked', 'unknown'] as const;

/** How many records and commands are not synchronized. Counts, so that nobody waits for the rows themselves. */
export async function countPending(tx: AnyTransaction, base: Base, schema: Schema): Promise<number> {
  const [changes, commands, heads] = await Promise.all([
    countChanges(tx, base),
    tx.objectStore('commands').count(),
    tx.objectStore('heads').getAll(),
  ]);
  const marks = heads.reduce((sum, head) => sum + head.sendMarks - head.holdMarks, 0);
  const held = new Map(heads.map((head) => [head.table, head.holdMarks]));
  const rows = [...changes].reduce((sum, [table, count]) => {
    // What is never sent waits for nothing (C-04).
    const waits = schema.tables.get(table)?.direction === 'local' ? Math.min(count, held.get(table) ?? 0) : count;
    return sum + waits;
  }, 0);
  return Math.max(0, rows + marks) + commands;
}

/** How many rows of each table are in flight and not held. */
async function countInFlight(tx: AnyTransaction, base: Base): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const members = await tx.objectStore('members').getAll();
  const seqs = new Set(members.flatMap((row) => row.seqs));
  if (seqs.size === 0) return counts;
  let [least, greatest] = [Infinity, -Infinity];
  for (const seq of seqs) [least, greatest] = [Math.min(least, seq), Math.max(greatest, seq)];
  const rows = await tx.objectStore('changes').index('seq').getAllKeys(IDBKeyRange.bound(least, greatest));
  const held = new Map<string, ReadonlySet<RecordKey>>();
  for (const [table, key, seq] of rows) {
    if (!seqs.has(seq)) continue;
    const keys = held.get(table) ?? new Set(await readMarks(tx, base, await base.readHead(tx, table), 'hold'));
    held.set(table, keys);
    if (!keys.has(key)) counts.set(table, (counts.get(table) ?? 0) + 1);
  }
  return counts;
}

/** How many rows of a table are stuck under each state; what is held back is counted as held alone. */
async function countStuck(tx: AnyTransaction, base: Base, head: HeadRow): Promise<number[]> {
  const index = tx.objectStore('changes').index('stuck');
  if (head.holdMarks === 0) return Promise.all(stuckStates.map((state) => index.count([head.table, state])));
  const held = new Set(await readMarks(tx, base, head, 'hold'));
  const rows = await Promise.all(stuckStates.map((state) => index.getAllKeys([head.table, state])));
  return rows.map((keys) => keys.filter(([, key]) => !held.has(key)).length);
}

/** The tables that have drafts: a request for each of these, not for each declared one. */
async function tablesDrafted(tx: AnyTransaction): Promise<ReadonlySet<string>> {
  const store = tx.objectStore('drafts');
  const tables = new Set<string>();
  for (let key = await store.getKey(IDBKeyRange.lowerBound([])); key !== undefined;) {
    tables.add(key[0]);
    key = await store.getKey(IDBKeyRange.lowerBound([key[0], []]));
  }
  return tables;
}

function countsOf(counts: Readonly<Record<string, number>>): Partial<Record<StatusDetail, number>> | null {
  const present = Object.entries(counts).filter(([, count]) => count > 0);
  return present.length === 0 ? null : Object.fromEntries(present);
}

/** What is not synchronized, by table and finer status, and how much of it a run would send now. */
export async function countByTable(tx: AnyTransaction, base: Base, schema: Schema): Promise<PendingCounts> {
  const [commands, stuckCommands, flying, rows, changed, drafted] = await Promise.all([
    tx.objectStore('commands').count(),
    tx.objectStore('commands').index('stuck').count(),
    countInFlight(tx, base),
    tx.objectStore('heads').getAll(),
    countChanges(tx, base),
    tablesDrafted(tx),
  ]);
  const heads = new Map(rows.map((head) => [head.table, head]));
  const tables: Record<string, Partial<Record<StatusDetail, number>>> = {};
  let total = commands;
  let sendable = commands - stuckCommands;
  const concerned = [...schema.tables.values()].filter(({ name }) => {
    const { sendMarks = 0, holdMarks = 0 } = heads.get(name) ?? {};
    return changed.has(name) || drafted.has(name) || sendMarks + holdMarks > 0;
  });
  const counted = await Promise.all(
    concerned.map(async (table) => {
      const { name } = table;
      // What is never sent waits for nothing (C-04); its drafts are told all the same.
      const all = table.direction === 'local' ? 0 : (changed.get(name) ?? 0);
      const head = heads.get(name) ?? (await base.readHead(tx, name));
      const [drafts, stuck] = await Promise.all([
        drafted.has(name) ? tx.objectStore('drafts').count(IDBKeyRange.bound([name], [name, []])) : 0,
        changed.has(name) ? countStuck(tx, base, head) : [],
      ]);
      return { table, head, drafts, all, stuck };
    }),
  );
  for (const { table, head, drafts, all, stuck } of counted) {
    const { name } = table;
    const { sendMarks, holdMarks } = head;
    const held = table.direction === 'local' ? 0 : holdMarks;
    const [rejected = 0, conflict = 0, blocked = 0, unknown = 0] = stuck;
    const inFlight = flying.get(name) ?? 0;
    const sent = all - held - rejected - conflict - blocked - unknown + sendMarks;
    const counts = countsOf({
      pending: sent - inFlight,
      'in-flight': inFlight,
      rejected: rejected + unknown,
      conflict,
      blocked,
      held,
      draft: drafts,
    });
    if (counts !== null) tables[name] = counts;
    total += Math.max(0, all - held) + sendMarks;
    if (isUploaded(table)) sendable += Math.max(0, sent);
  }
  return { total, sendable, tables, commands };
}
