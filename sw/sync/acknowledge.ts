import { releaseFollowers, type RecordRef } from '../store/blocked.ts';
import type { Base } from '../store/base.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem, ChangeRow, FailureRow, GroupRef } from '../store/format.ts';
import type { OutcomeRow } from '../store/request-rows.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { noteTaken } from '../store/imported.ts';
import { releaseHolds } from '../store/marks.ts';
import { setMeta } from '../store/meta.ts';
import { parkGroup } from '../store/park-group.ts';
import { noteOutcomes } from '../store/outcomes.ts';
import { namesOf, renameRecords, type Rename } from '../store/rename.ts';
import { noteVerdicts, type Verdict } from '../store/selected.ts';
import type { SyncEvent } from '../protocol/events.ts';
import type { MutationId } from '../protocol/record.ts';
import type { Outcome } from '../protocol/wire.ts';
import { applyCommand } from './apply-command.ts';
import { askedOutcomes } from './asked-outcomes.ts';
import { Effects, eventsOf, note, storeHeads, storeRows } from './batch-effects.ts';
import { deleteRows, readBatchRows, type ChangeItem } from './batch-rows.ts';
import { failureRow } from './failure-row.ts';
import { recallBatchRows, type KnownChanges } from './known-changes.ts';
import { newMutationId } from './new-mutation-id.ts';
import { rebaseOnCommand } from './rebase-on-command.ts';
import { storeRest } from './rest-of-batch.ts';
import type { Session } from './session.ts';
import { settle, type Settlement, type UndoneGroup } from './settle.ts';
import { addToTally } from './tally.ts';
import { refId } from './upload-order.ts';
import { verdictsOf } from './verdicts.ts';
import { waitsForCreate } from './waits-for-create.ts';

export interface Acknowledged {
  readonly journal: JournalRow;
  readonly events: readonly SyncEvent[];
  /** What was known, as far as it still holds. */
  readonly known: KnownChanges | null;
  /** All was taken, and nothing else has moved by it: what was planned as if it would be can follow (SPEC P-3). */
  readonly isPlain: boolean;
  /** The rows that are settled. */
  readonly gone: readonly ChangeRow[];
}

/** The records to which the server gave other keys than they have here. */
function renamesOf(
  { schema }: Session,
  items: readonly BatchItem[],
  outcomes: ReadonlyMap<MutationId, Outcome>,
): readonly Rename[] {
  return items.flatMap((item) => {
    const outcome = outcomes.get(item.mutationId);
    if (item.type !== 'change' || outcome?.type !== 'applied' || outcome.key === undefined) return [];
    const isOther = outcome.key !== item.key && schema.tables.get(item.table)?.serverKeys === true;
    return isOther ? [{ table: item.table, from: item.key, to: outcome.key }] : [];
  });
}

/** Groups of which a part was given up, or went into another, and that one too: nothing of them is sent alone (N-7c). */
function groupsParted(settlement: Settlement, row: ChangeRow, above: readonly ChangeRow[]): readonly GroupRef[] {
  const { rows, failure, verdict } = settlement;
  if (rows.length === 0 && failure === null) return [];
  const stay = new Set(rows.map(({ group }) => group?.id));
  const others = verdict === 'uploaded' ? above : [row, ...above];
  const lost = others.filter(({ group }) => group !== undefined && !stay.has(group.id));
  return lost.length === 0 ? [] : [...lost, ...rows].flatMap(({ group }) => group ?? []);
}

/** The next download of these tables is a full one. */
async function forgetCursors(tx: WriteTransaction, base: Base, tables: Iterable<string>): Promise<void> {
  for (const table of tables) {
    const head = await base.readHead(tx, table);
    await tx.objectStore('heads').put({ ...head, cursor: null });
  }
}

/**
 * Stores the outcomes of a batch, in the caller's strict transaction (SPEC T-1): rows, acknowledged records as segments,
 * heads, failures, and the removal of the batch. What has no outcome stays in flight, or is planned anew (T-6). The journal that it gives is to be stored
 * with it.
 */
export async function acknowledge(
  tx: WriteTransaction,
  session: Session,
  context: {
    readonly journal: JournalRow;
    readonly device: string;
    readonly content: BatchContentRow;
    readonly outcomes: readonly Outcome[];
    readonly unanswered: readonly MutationId[];
    readonly wasSent: boolean;
    readonly serverEpoch: string | null;
    /** Null: the rows are to be read. */
    readonly known: KnownChanges | null;
  },
): Promise<Acknowledged> {
  const { content, device } = context;
  const effects = new Effects();
  const outcomes = new Map(context.outcomes.map((outcome) => [outcome.mutationId, outcome]));
  const renames = renamesOf(session, content.items, outcomes);
  const names = namesOf(renames);
  await renameRecords(tx, session, renames);
  for (const { table, from } of renames) effects.of(table).changed.push(from);
  const items = content.items.map((item): BatchItem =>
    item.type === 'change' ? { ...item, key: names.of(item.table, item.key) } : item,
  );
  const settled = items.filter((item) => outcomes.has(item.mutationId));
  const changed = settled.filter((item) => item.type === 'change');
  // Under other keys nothing of it holds.
  const known = renames.length === 0 ? context.known : null;
  const rows = known === null ? await readBatchRows(tx, changed) : await recallBatchRows(tx, changed, known);
  const gone: ChangeRow[] = [];
  const settledWhole: ChangeItem[] = [];
  const settlements: [Settlement, FailureRow | null][] = [];
  const verdicts: Verdict[] = [];
  const asked: OutcomeRow[] = [];
  const kept = new Map<MutationId, UndoneGroup>();
  const taken: RecordRef[] = [];
  const left = new Map<string, boolean>();
  const parted = new Map<string, GroupRef>();
  const unreadable = new Set<string>();
  let isRebased = false;
  // What kept a group back decides for the others of it.
  const isUndone = (item: BatchItem): boolean => outcomes.get(item.mutationId)?.type === 'undone';
  for (const item of [...settled].sort((a, b) => Number(isUndone(a)) - Number(isUndone(b)))) {
    const given = outcomes.get(item.mutationId);
    if (given === undefined) continue;
    // Whoever selected records without their parents asked for the server's word.
    const isAlone = context.journal.selection?.includeParents === false;
    const waits = isAlone ? null : await waitsForCreate(tx, { schema: session.schema, item, outcome: given, left });
    const outcome: Outcome =
      waits === null ? given : { type: 'undone', mutationId: item.mutationId, because: item.mutationId };
    if (waits !== null) kept.set(item.mutationId, { blocker: waits, again: 'no' });
    const group: UndoneGroup = (outcome.type === 'undone' ? kept.get(outcome.because) : undefined) ?? {
      blocker: null,
      again: 'no',
    };
    if (item.type === 'command') {
      const again = outcome.type === 'later' ? 'later' : 'no';
      kept.set(item.mutationId, { blocker: { table: '', key: item.mutationId }, again });
      await applyCommand(tx, session, context, { item, outcome, group }, effects);
      if (await rebaseOnCommand(tx, session.schema, { outcome, batch: items }, effects)) isRebased = true;
      continue;
    }
    const table = session.schema.tables.get(item.table);
    const all = rows.get(item.seq) ?? [];
    const row = all.find((candidate) => candidate.seq === item.seq);
    if (row === undefined) continue;
    if (table === undefined) {
      if (outcome.type === 'applied') gone.push(row);
      continue;
    }
    const above = all.filter((candidate) => candidate.seq > item.seq);
    // The server may still give it: it says so in a full download only.
    if (outcome.type === 'forbidden' && row.base !== null) unreadable.add(table.name);
    const { run } = context.journal;
    const settlement = settle({ table, row, above, outcome, newId: () => newMutationId(session), run, group });
    const isLeft = settlement.rows.length > 0;
    left.set(refId(item), isLeft);
    for (const lost of groupsParted(settlement, row, above)) parted.set(lost.id, lost);
    kept.set(item.mutationId, {
      blocker: isLeft ? { table: item.table, key: item.key } : null,
      again: settlement.again ? 'now' : settlement.verdict === 'later' ? 'later' : 'no',
    });
    if (!isLeft || settlement.verdict === 'uploaded') taken.push({ table: item.table, key: item.key });
    const failure =
      settlement.failure === null ? null : failureRow(session, context.journal, device, settlement.failure);
    if (failure !== null) effects.failures.push(failure);
    const [next] = settlement.rows;
    // What lay over it was passed over where the run came by before.
    const isPassed = next?.state === 'pending' && next.seq <= context.journal.uploadedThrough;
    const isForThisRun = settlement.again || (isPassed && settlement.verdict !== 'later');
    if (next !== undefined && isForThisRun) effects.resend.push(next.seq);
    note(effects, item, settlement);
    verdicts.push(...verdictsOf(item, settlement));
    const now = session.environment.now();
    asked.push(...askedOutcomes([row, ...above], settlement, { outcome, failure, now }));
    const stays = new Set(settlement.rows.map(({ seq }) => seq));
    gone.push(...[row, ...above].filter((old) => !stays.has(old.seq)));
    if (settlement.rows.length === 0) settledWhole.push(item);
    settlements.push([settlement, failure]);
  }
  const { selection } = context.journal;
  // Rows that stay are written behind the ranges that go.
  const [released] = await Promise.all([
    deleteRows(tx, gone)
      .then(() => Promise.all(settlements.map(([settlement, failure]) => storeRows(tx, settlement, failure))))
      .then(() => releaseFollowers(tx, taken)),
    releaseHolds(tx, session.base, settledWhole)
      .then(() => storeHeads(tx, session, effects))
      .then(() => forgetCursors(tx, session.base, unreadable)),
    noteOutcomes(tx, asked),
    noteTaken(
      tx,
      settled.filter((item) => outcomes.get(item.mutationId)?.type === 'applied'),
    ),
    ...effects.failures.map((failure) => tx.objectStore('failures').put(failure)),
    selection === undefined ? null : noteVerdicts(tx, selection.done, verdicts),
    context.serverEpoch === null ? null : setMeta(tx, 'serverEpoch', context.serverEpoch),
  ]);
  effects.resend.push(...released.filter((seq) => seq <= context.journal.uploadedThrough));
  const isAllTaken = context.outcomes.every(({ type }) => type === 'applied');
  const { unanswered, wasSent } = context;
  const rest = { content, items, outcomes, names, goesAsItIs: isAllTaken, unanswered, wasSent };
  const replanned = await storeRest(tx, session, rest);
  effects.resend.push(...replanned.filter((seq) => seq <= context.journal.uploadedThrough));
  const { user, environment } = session;
  for (const group of parted.values())
    await parkGroup(tx, group, { user, device, at: environment.now(), newId: environment.newId });
  let journal: JournalRow = {
    ...context.journal,
    commands: context.journal.commands + effects.commands,
    failed: context.journal.failed + effects.failures.length,
    resend: [...context.journal.resend, ...effects.resend],
    uploadDone: context.journal.uploadDone + settled.length,
  };
  for (const [name, table] of effects.entries()) {
    journal = addToTally(journal, name, {
      uploaded: table.uploadedKeys.length,
      failed: table.failedKeys.length,
      conflicts: table.conflicts,
      uploadedKeys: table.uploadedKeys,
      failedKeys: table.failedKeys,
    });
  }
  if (effects.later) journal = { ...journal, later: journal.later ?? 'some' };
  const isPlain =
    renames.length === 0 &&
    released.length === 0 &&
    !isRebased &&
    settled.length === content.items.length &&
    settled.every(({ mutationId }) => outcomes.get(mutationId)?.type === 'applied') &&
    settlements.every(([settlement]) => settlement.rows.length === 0 && settlement.failure === null);
  return { journal, events: eventsOf(effects), known, isPlain, gone };
}
