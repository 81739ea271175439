import { everything, readInParts } from './in-parts.ts';
import type { AnyTransaction } from './database.ts';
import type { UnsentCounts } from '../protocol/unsent.ts';

/** Counts what is on this device only. Stores: changes, commands, drafts, failures, heads. */
export async function countUnsent(tx: AnyTransaction): Promise<UnsentCounts> {
  const [rows, commands, drafts, allFailures, heads] = await Promise.all([
    tx.objectStore('changes').count(),
    tx.objectStore('commands').count(),
    tx.objectStore('drafts').count(),
    readInParts(tx.objectStore('failures'), everything(), (row) => row.id),
    tx.objectStore('heads').getAll(),
  ]);
  const held = heads.reduce((sum, head) => sum + head.holdMarks, 0);
  // A deletion has no content; that the server did not take it is said nowhere else.
  const failures = allFailures.filter(
    ({ seq, content, operation }) => seq === null && (content !== null || operation === 'delete'),
  ).length;
  const changes = Math.max(0, rows - held);
  return { changes, commands, held, drafts, failures, total: changes + commands + held + drafts + failures };
}
