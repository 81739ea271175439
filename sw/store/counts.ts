import type { AnyTransaction } from './database.ts';
import type { StoreName } from './format.ts';
import type { Base } from './base.ts';
import { readMarks } from './marks.ts';
import { type Schema, isUploaded } from './schema.ts';
import type { PendingCounts, StatusDetail } from '../protocol/status.ts';

export const countScope: StoreName[] = ['changes', 'commands', 'heads', 'marks'];

const stuckStates = ['rejected', 'conflict', 'blocked', 'unknown'] as const;

/** How many records and commands are not synchronized. Counts, so that nobody waits for the rows themselves. */
export async function countPending(tx: AnyTransaction): Promise<number> {
  const [changes, commands] = await Promise.all([
    tx.objectStore('changes').count(),
    tx.objectStore('commands').count(),
  ]);
  return changes + commands;
}

/** What is not synchronized, by table and finer status, and how much of it a run would send now. */
export async function countByTable(tx: AnyTransaction, base: Base, schema: Schema): Promise<PendingCounts> {
  const changes = tx.objectStore('changes');
  const commands = await tx.objectStore('commands').count();
  const tables: Record<string, Partial<Record<StatusDetail, number>>> = {};
  let total = commands;
  let sendable = commands;
  for (const table of schema.tables.values()) {
    const { name } = table;
    const head = await base.readHead(tx, name);
    const [all, held, marked, ...stuck] = await Promise.all([
      changes.count(IDBKeyRange.bound([name], [name, []])),
      readMarks(tx, head, 'hold').then((keys) => keys.length),
      readMarks(tx, head, 'send').then((keys) => keys.length),
      ...stuckStates.map((state) => changes.index('stuck').count([name, state])),
    ]);
    const [rejected = 0, conflict = 0, blocked = 0, unknown = 0] = stuck;
    const pending = all - rejected - conflict - blocked - unknown - held + marked;
    const counts = { pending, rejected: rejected + unknown, conflict, blocked, held };
    const present = Object.entries(counts).filter(([, count]) => count > 0);
    if (present.length > 0) tables[name] = Object.fromEntries(present);
    total += all - held + marked;
    if (isUploaded(table)) sendable += pending + blocked;
  }
  return { total, sendable, tables, commands };
}
