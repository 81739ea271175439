import type { Base } from './base.ts';
import type { AnyTransaction } from './database.ts';
import { countMarks } from './marks.ts';
import type { Schema } from './schema.ts';
import type { UnsentCounts } from '../protocol/unsent.ts';

/** Counts what is on this device only. Stores: changes, commands, drafts, failures, heads, marks. */
export async function countUnsent(tx: AnyTransaction, base: Base, schema: Schema): Promise<UnsentCounts> {
  const [rows, commands, drafts, allFailures, heldByTable] = await Promise.all([
    tx.objectStore('changes').count(),
    tx.objectStore('commands').count(),
    tx.objectStore('drafts').count(),
    tx.objectStore('failures').getAll(),
    Promise.all([...schema.tables.keys()].map(async (name) => countMarks(await base.readHead(tx, name), 'hold'))),
  ]);
  const held = heldByTable.reduce((sum, count) => sum + count, 0);
  const failures = allFailures.filter((failure) => failure.seq === null && failure.content !== null).length;
  const changes = Math.max(0, rows - held);
  return { changes, commands, held, drafts, failures, total: changes + commands + held + drafts + failures };
}
