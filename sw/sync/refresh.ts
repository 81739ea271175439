import { detailOfRows, rowsOf } from '../store/changes.ts';
import type { ReadRecord } from '../backend/backend.ts';
import type { ReadTransaction } from '../store/database.ts';
import type { StoreName } from '../store/format.ts';
import type { JournalRow, SelectedRow, SelectedVerdict, StagedRow } from '../store/run-rows.ts';
import type { StoredRecord } from '../store/packed.ts';
import { isMarked } from '../store/marks.ts';
import { getMeta, takeNumbers } from '../store/meta.ts';
import { noteVerdicts, readSelected, type Verdict } from '../store/selected.ts';
import { segmentOf, type Overlay } from '../store/staging.ts';
import { untilUnmoved } from '../store/base.ts';
import type { Table } from '../store/schema.ts';
import type { RecordKey } from '../protocol/record.ts';
import { withLocalColumns } from './local-columns.ts';
import { report } from './progress.ts';
import { callFor, type ActiveRun, type Session } from './session.ts';
import { afterPart } from './upload-selected.ts';

interface Held {
  readonly key: RecordKey;
  readonly base: StoredRecord | null;
  /** What is known of it without the server's copy; null: that copy decides. */
  readonly verdict: SelectedVerdict | null;
}

const reasons = {
  uncommitted: 'It is a draft that was not committed.',
  unknown: 'There is no such record here.',
  held: 'It is held back.',
  pending: 'It was changed since the run began.',
} as const;

/** A record as it stands here after the upload. */
async function lookAt(
  tx: ReadTransaction,
  session: Session,
  table: Table,
  entry: { readonly key: RecordKey; readonly noted: SelectedVerdict | null },
): Promise<Held> {
  const { key, noted } = entry;
  const head = await session.base.readHead(tx, table.name);
  const [rows, draft, base, isHeld] = await Promise.all([
    rowsOf(tx, table.name, key),
    tx.objectStore('drafts').getKey([table.name, key]),
    session.base.readRecord(tx, head, key),
    isMarked(tx, head, 'hold', key),
  ]);
  const last = rows.at(-1);
  if (noted !== null) return { key, base, verdict: noted };
  if (last !== undefined) {
    const detail = detailOfRows(rows, new Set(), isHeld);
    const outcome =
      detail === 'held' || detail === 'blocked' || detail === 'rejected' || detail === 'conflict' ? detail : 'pending';
    const reason = outcome === 'held' || outcome === 'pending' ? reasons[outcome] : (last.reason?.message ?? '');
    return { key, base, verdict: { outcome, reason } };
  }
  if (draft !== undefined) return { key, base, verdict: { outcome: 'uncommitted', reason: reasons.uncommitted } };
  return { key, base, verdict: base === null ? { outcome: 'unknown', reason: reasons.unknown } : null };
}

function lookAtPart(session: Session, table: Table, part: SelectedRow): Promise<Held[]> {
  const scope: StoreName[] = ['heads', 'roots', 'segments', 'leaves', 'changes', 'drafts', 'marks'];
  return untilUnmoved(() =>
    session.database.read(scope, (tx) =>
      Promise.all(
        part.keys.map((key, index) => lookAt(tx, session, table, { key, noted: part.verdicts[index] ?? null })),
      ),
    ),
  );
}

const gone = 'It was deleted on the server, or may not be read any more.';

/** What the server's copies make of the base, and of the records' outcomes. */
function compare(
  table: Table,
  held: readonly Held[],
  copies: ReadonlyMap<RecordKey, ReadRecord>,
): {
  readonly overlay: Overlay;
  readonly verdicts: readonly Verdict[];
  readonly refreshed: number;
  readonly removed: number;
} {
  const overlay: Overlay = new Map();
  const verdicts: Verdict[] = [];
  let refreshed = 0;
  let removed = 0;
  for (const { key, base, verdict } of held) {
    const copy = copies.get(key);
    let outcome: SelectedVerdict = { outcome: 'unchanged' };
    if (base !== null && copy !== undefined) {
      const { record, version } = copy;
      if (record === null) {
        overlay.set(key, null);
        removed += 1;
        outcome = { outcome: 'removed', reason: gone };
      } else if (version === null || version === '' || version !== base.version) {
        const text = withLocalColumns(table, record, base.text);
        overlay.set(key, { key, text, version: version ?? '', fields: {} });
        refreshed += 1;
        outcome = { outcome: 'refreshed' };
      }
    }
    // A hold ends with the server's newer copy (K-04); what was held is among the failures then.
    const isReplaced = verdict?.outcome === 'held' && overlay.has(key);
    verdicts.push({ table: table.name, key, verdict: isReplaced ? outcome : (verdict ?? outcome) });
  }
  return { overlay, verdicts, refreshed, removed };
}

export function emptyStaged(table: string, generation: number): StagedRow {
  return {
    ...{ id: `staged:${table}`, table, generation, full: false, snapshot: '', leaves: 0, lastKey: null },
    ...{ segments: [], replaced: [], downloaded: 0, removed: 0, end: null, refused: false, refresh: true },
  };
}

/**
 * One step of the refresh phase: the server's copies of one part of the selection, staged beside what is there. `done` when
 * all parts are. Killed anywhere, the next slice begins with the first part that was not stored.
 */
export async function refreshStep(active: ActiveRun): Promise<'more' | 'done'> {
  const { session } = active;
  const { database } = session;
  const { selection } = active.journal;
  if (selection === undefined || selection.done >= selection.parts) return 'done';
  const part = await database.read(['selected'], (tx) => readSelected(tx, selection.done));
  const table = part === undefined ? undefined : session.schema.tables.get(part.table);
  if (part === undefined || table === undefined) {
    active.journal = afterPart(active.journal);
    return 'more';
  }
  const held = await lookAtPart(session, table, part);
  const isRead = table.direction === 'both' || table.direction === 'down';
  const asked = isRead ? held.flatMap(({ key, base }) => (base === null ? [] : [key])) : [];
  const copies =
    asked.length === 0 ? [] : await session.backend.read(table.name, asked, await callFor(session, active.signal));
  active.signal.throwIfAborted();
  const found = compare(table, held, new Map(copies.map((copy) => [copy.key, copy])));
  const journal: JournalRow = afterPart(active.journal);
  await database.write(['runs', 'segments', 'selected', 'meta'], async (tx) => {
    if (found.overlay.size > 0) {
      const stored = await tx.objectStore('runs').get(`staged:${table.name}`);
      const staged =
        stored !== undefined && 'generation' in stored && stored.refresh === true
          ? stored
          : emptyStaged(table.name, (await getMeta(tx, 'number')) ?? 0);
      const id = await takeNumbers(tx, 'number', 1);
      const segment = segmentOf(found.overlay);
      const ref = { id, records: segment.keys.length, removals: segment.removed.length };
      await tx.objectStore('segments').put(segment, [table.name, id]);
      await tx.objectStore('runs').put({
        ...staged,
        segments: [...staged.segments, ref],
        downloaded: staged.downloaded + found.refreshed,
        removed: staged.removed + found.removed,
      });
    }
    await noteVerdicts(tx, selection.done, found.verdicts);
    await tx.objectStore('runs').put(journal);
  });
  active.journal = journal;
  const done = Math.min(journal.selection?.done ?? 0, selection.parts);
  const share = Math.round((selection.keys * done) / Math.max(1, selection.parts));
  report(active, { phase: 'download', table: table.name, done: share, total: selection.keys });
  return 'more';
}
