import type { WriteTransaction } from '../store/database.ts';
import type { BatchItem } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { noteOutcomes } from '../store/outcomes.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { Effects } from './batch-effects.ts';
import { newMutationId } from './new-mutation-id.ts';
import type { Session } from './session.ts';
import { settleCommand } from './settle-command.ts';
import type { UndoneGroup } from './settle.ts';

interface CommandItem {
  readonly item: BatchItem;
  readonly outcome: Outcome;
  readonly group: UndoneGroup;
}

/** Stores what became of a command that was sent. */
export async function applyCommand(
  tx: WriteTransaction,
  session: Session,
  context: { journal: JournalRow; device: string },
  { item, outcome, group }: CommandItem,
  effects: Effects,
): Promise<void> {
  const store = tx.objectStore('commands');
  const row = await store.get(item.seq);
  if (row === undefined) return;
  const { run } = context.journal;
  const settled = settleCommand(row, outcome, { newId: () => newMutationId(session), run, ...group });
  if (settled.verdict === 'taken') effects.commands += 1;
  if (settled.verdict === 'later') effects.later = true;
  if (settled.row === null && row.asked === true)
    await noteOutcomes(tx, [{ seq: row.seq, at: session.environment.now(), end: { type: 'applied' } }]);
  if (settled.row === null) await store.delete(item.seq);
  else if (settled.failure === null) await store.put(settled.row);
  if (settled.failure === null || settled.row === null) return;
  const id = session.environment.newId();
  effects.failures.push({
    id,
    table: '',
    key: row.mutationId,
    operation: 'command',
    content: { method: row.method, path: row.path, body: row.body },
    base: null,
    ...settled.failure,
    user: session.user,
    device: context.device,
    run: context.journal.run,
    at: session.environment.now(),
    retriable: true,
    seq: row.seq,
    mutationId: row.mutationId,
    ...(row.group === undefined ? {} : { group: row.group.id }),
    reported: 0,
  });
  const { reason } = settled.row;
  await store.put(reason === undefined ? settled.row : { ...settled.row, reason: { ...reason, failure: id } });
}
