import { addSegment } from '../store/add-segment.ts';
import { releaseFollowers, type RecordRef } from '../store/blocked.ts';
import { rowsOf } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { BatchContentRow, BatchItem, ChangeRow, FailureRow } from '../store/format.ts';
import type { OutcomeRow } from '../store/request-rows.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { releaseHolds } from '../store/marks.ts';
import { setMeta } from '../store/meta.ts';
import { noteOutcomes } from '../store/outcomes.ts';
import { namesOf, renameRecords, renameWireChange, type Rename } from '../store/rename.ts';
import { segmentOf, type Overlay } from '../store/staging.ts';
import { isJsonObject, isMutationId, type Json, type MutationId, type RecordKey } from '../protocol/record.ts';
import type { SyncEvent } from '../protocol/events.ts';
import type { Outcome } from '../protocol/wire.ts';
import { askedOutcomes } from './asked-outcomes.ts';
import { deleteRows, readBatchRows, type ChangeItem } from './batch-rows.ts';
import { recallBatchRows, type KnownChanges } from './known-changes.ts';
import { parseStored } from './rebase.ts';
import type { Session } from './session.ts';
import { settleCommand } from './settle-command.ts';
import { settle, type SettledFailure, type Settlement, type UndoneGroup } from './settle.ts';
import { refId } from './upload-order.ts';
import { noteVerdicts, type Verdict } from '../store/selected.ts';
import { addToTally } from './tally.ts';
import { verdictsOf } from './verdicts.ts';

export interface Acknowledged {
  readonly journal: JournalRow;
  readonly events: readonly SyncEvent[];
  /** Records that the server could not take just now. */
  readonly later: number;
  /** What was known, as far as it still holds. */
  readonly known: KnownChanges | null;
}

function newMutationId(session: Session): MutationId {
  const id = session.environment.newId();
  if (!isMutationId(id)) throw new TypeError('newId made no usable id');
  return id;
}

function contentOf(row: ChangeRow): Json {
  return row.text === null ? null : parseStored(row.text);
}

export function failureRow(session: Session, journal: JournalRow, device: string, failure: SettledFailure): FailureRow {
  const { row, code, message, fields, retriable } = failure;
  return {
    id: session.environment.newId(),
    table: row.table,
    key: row.key,
    operation: row.operation,
    content: contentOf(row),
    base: row.base === null ? null : parseStored(row.base.text),
    code,
    message,
    ...(fields === null ? {} : { fields }),
    user: session.user,
    device,
    run: journal.run,
    at: session.environment.now(),
    retriable,
    seq: retriable ? row.seq : null,
    mutationId: row.mutationId,
    ...(failure.references === undefined ? {} : { references: failure.references }),
    ...(row.group === undefined ? {} : { group: row.group.id }),
    reported: 0,
  };
}

interface TableEffects {
  readonly overlay: Overlay;
  readonly uploadedKeys: RecordKey[];
  readonly failedKeys: RecordKey[];
  readonly changed: RecordKey[];
  readonly removed: RecordKey[];
  conflicts: number;
}

class Effects {
  readonly #tables = new Map<string, TableEffects>();
  readonly failures: FailureRow[] = [];
  readonly resend: number[] = [];
  commands = 0;
  later = 0;

  of(table: string): TableEffects {
    let effects = this.#tables.get(table);
    if (effects === undefined) {
      effects = { overlay: new Map(), uploadedKeys: [], failedKeys: [], changed: [], removed: [], conflicts: 0 };
      this.#tables.set(table, effects);
    }
    return effects;
  }

  entries(): Iterable<[string, TableEffects]> {
    return this.#tables;
  }
}

/** Writes the rows that a settlement left, with the failure's id in their reason. */
async function storeRows(tx: WriteTransaction, settlement: Settlement, failure: FailureRow | null): Promise<void> {
  await Promise.all(
    settlement.rows.map((row) => {
      const reason = row.reason === undefined || failure === null ? row.reason : { ...row.reason, failure: failure.id };
      return tx.objectStore('changes').put(reason === undefined ? row : { ...row, reason });
    }),
  );
}

function note(effects: Effects, item: ChangeItem, settlement: Settlement): void {
  const table = effects.of(item.table);
  switch (settlement.verdict) {
    case 'uploaded':
      table.uploadedKeys.push(item.key);
      break;
    case 'conflict':
      table.conflicts += 1;
      if (settlement.failure !== null) table.failedKeys.push(item.key);
      break;
    case 'failed':
      if (settlement.failure !== null) table.failedKeys.push(item.key);
      break;
    case 'later':
      effects.later += 1;
      break;
  }
  const { base } = settlement;
  if (base.type === 'put') {
    const version = base.version;
    table.overlay.set(base.key, { key: base.key, text: base.text, version, fields: {} });
    table.changed.push(base.key);
  } else if (base.type === 'remove') {
    table.overlay.set(base.key, null);
    table.removed.push(base.key);
  } else {
    table.changed.push(item.key);
  }
}

interface CommandItem {
  readonly item: BatchItem;
  readonly outcome: Outcome;
  readonly group: UndoneGroup;
}

async function applyCommand(
  tx: WriteTransaction,
  session: Session,
  context: { journal: JournalRow; device: string },
  { item, outcome, group }: CommandItem,
  effects: Effects,
): Promise<void> {
  const store = tx.objectStore('commands');
  const row = await store.get(item.seq);
  if (row === undefined) return;
  const settled = settleCommand(row, outcome, { newId: () => newMutationId(session), ...group });
  if (settled.verdict === 'taken') effects.commands += 1;
  if (settled.verdict === 'later') effects.later += 1;
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

async function storeHeads(tx: WriteTransaction, session: Session, effects: Effects): Promise<void> {
  for (const [name, { overlay }] of effects.entries()) {
    if (overlay.size === 0) continue;
    await addSegment(tx, await session.base.readHead(tx, name), segmentOf(overlay));
  }
}

function eventsOf(effects: Effects): SyncEvent[] {
  const tables = Object.fromEntries(
    [...effects.entries()].map(([name, { changed, removed }]) => [name, { changed, removed }] as const),
  );
  const failures = effects.failures.map(({ table, key, code, message }): SyncEvent =>
    code === 'conflict' ? { type: 'conflict', table, key } : { type: 'failure', table, key, code, message },
  );
  return [{ type: 'changed', source: 'server', tables }, ...failures];
}

/** The stored body without the changes that were answered; the others keep their ids, and name records as they are known now. */
function withoutChanges(body: string, answered: ReadonlySet<string>, rename: (change: unknown) => unknown): string {
  const frame = parseStored(body);
  const { changes } = frame;
  const isAnswered = (id: unknown): boolean => typeof id === 'string' && answered.has(id);
  const isLeft = (change: Json): boolean => !isJsonObject(change) || !isAnswered(change['mutationId']);
  return JSON.stringify({ ...frame, changes: Array.isArray(changes) ? changes.filter(isLeft).map(rename) : changes });
}

/**
 * The new record that is still here, unsent or refused, because of which the server could not take an item: it waits for
 * that record (U-07). Null: the server's word stands.
 */
async function waitsForCreate(
  tx: WriteTransaction,
  { item, outcome, left }: { item: BatchItem; outcome: Outcome; left: ReadonlyMap<string, boolean> },
): Promise<RecordRef | null> {
  const refs = outcome.type === 'dangling' ? [outcome.references] : [];
  if (item.type === 'command' && outcome.type === 'gone') {
    refs.push(...((await tx.objectStore('commands').get(item.seq))?.names ?? []));
  }
  for (const ref of refs) {
    if (left.get(refId(ref)) === false) continue;
    const [first] = await rowsOf(tx, ref.table, ref.key);
    if (first?.operation === 'create') return ref;
  }
  return null;
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

/**
 * Stores the outcomes of a batch, in the caller's strict transaction (SPEC T-1): rows, acknowledged records as segments,
 * heads, failures, the journal, and the removal of the batch. What has no outcome stays in flight.
 */
export async function acknowledge(
  tx: WriteTransaction,
  session: Session,
  context: {
    readonly journal: JournalRow;
    readonly device: string;
    readonly content: BatchContentRow;
    readonly outcomes: readonly Outcome[];
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
  // What kept a group back decides for the others of it.
  const isUndone = (item: BatchItem): boolean => outcomes.get(item.mutationId)?.type === 'undone';
  for (const item of [...settled].sort((a, b) => Number(isUndone(a)) - Number(isUndone(b)))) {
    const given = outcomes.get(item.mutationId);
    if (given === undefined) continue;
    // Whoever selected records without their parents asked for the server's word.
    const isAlone = context.journal.selection?.includeParents === false;
    const waits = isAlone ? null : await waitsForCreate(tx, { item, outcome: given, left });
    const outcome: Outcome =
      waits === null ? given : { type: 'undone', mutationId: item.mutationId, because: item.mutationId };
    if (waits !== null) kept.set(item.mutationId, { blocker: waits, again: false });
    const group: UndoneGroup = (outcome.type === 'undone' ? kept.get(outcome.because) : undefined) ?? {
      blocker: null,
      again: false,
    };
    if (item.type === 'command') {
      kept.set(item.mutationId, { blocker: { table: '', key: item.mutationId }, again: outcome.type === 'later' });
      await applyCommand(tx, session, context, { item, outcome, group }, effects);
      continue;
    }
    const table = session.schema.tables.get(item.table);
    const all = rows.get(item.seq) ?? [];
    const row = all.find((candidate) => candidate.seq === item.seq);
    if (table === undefined || row === undefined) continue;
    const above = all.filter((candidate) => candidate.seq > item.seq);
    const settlement = settle({ table, row, above, outcome, newId: () => newMutationId(session), group });
    const isLeft = settlement.rows.length > 0;
    left.set(refId(item), isLeft);
    kept.set(item.mutationId, {
      blocker: isLeft ? { table: item.table, key: item.key } : null,
      again: settlement.again || settlement.verdict === 'later',
    });
    if (!isLeft || settlement.verdict === 'uploaded') taken.push({ table: item.table, key: item.key });
    const failure =
      settlement.failure === null ? null : failureRow(session, context.journal, device, settlement.failure);
    if (failure !== null) effects.failures.push(failure);
    if (settlement.again) effects.resend.push(...settlement.rows.slice(0, 1).map((again) => again.seq));
    note(effects, item, settlement);
    verdicts.push(...verdictsOf(item, settlement));
    const now = session.environment.now();
    asked.push(...askedOutcomes([row, ...above], settlement, { outcome, failure, now }));
    const stays = new Set(settlement.rows.map(({ seq }) => seq));
    gone.push(...[row, ...above].filter((old) => !stays.has(old.seq)));
    if (settlement.rows.length === 0) settledWhole.push(item);
    settlements.push([settlement, failure]);
  }
  await deleteRows(tx, gone);
  await releaseHolds(tx, session.base, settledWhole);
  await Promise.all([
    ...settlements.map(([settlement, failure]) => storeRows(tx, settlement, failure)),
    noteOutcomes(tx, asked),
    ...effects.failures.map((failure) => tx.objectStore('failures').put(failure)),
  ]);
  const released = await releaseFollowers(tx, taken);
  effects.resend.push(...released.filter((seq) => seq <= context.journal.uploadedThrough));
  await storeHeads(tx, session, effects);
  if (context.journal.selection !== undefined) await noteVerdicts(tx, context.journal.selection.done, verdicts);
  if (context.serverEpoch !== null) await setMeta(tx, 'serverEpoch', context.serverEpoch);
  const rest = items.filter((item) => !outcomes.has(item.mutationId));
  if (rest.length === 0) {
    await Promise.all([
      tx.objectStore('batches').delete(content.batch),
      tx.objectStore('members').delete(content.batch),
    ]);
  }
  if (rest.length > 0 && rest.length < content.items.length) {
    const stored = await tx.objectStore('batches').get(content.batch);
    const attempted = stored?.attempted === undefined ? {} : { attempted: stored.attempted };
    // What was answered must not go out once more with the rest.
    const seqs = rest.map((item) => item.seq);
    const rename = (change: unknown): unknown => renameWireChange(session.schema, names, change);
    const body = withoutChanges(content.body, new Set(settled.map((item) => item.mutationId)), rename);
    await Promise.all([
      tx.objectStore('batches').put({ ...content, ...attempted, items: rest, body }),
      tx.objectStore('members').put({ batch: content.batch, run: content.run, seqs }),
    ]);
  }
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
  await tx.objectStore('runs').put(journal);
  return { journal, events: eventsOf(effects), later: effects.later, known };
}
