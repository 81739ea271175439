import { type Base, untilUnmoved } from './base.ts';
import { detailOfRows, rowsOf, seqsInFlight } from './changes.ts';
import type { Database, ReadTransaction } from './database.ts';
import { isMarked } from './marks.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

/** A record as a read sees it: the last change if there is one, else the base. */
export interface RecordView {
  /** The record's JSON; null: there is none here. */
  readonly text: string | null;
  /** The key that it has now: another one than asked for, where the server has replaced a temporary key. */
  readonly key: RecordKey;
  readonly detail: StatusDetail;
  /** Whether a missing record is known to be absent (invariant 13). */
  readonly absenceKnown: boolean;
  /** Milliseconds since 1970 of the table's last download; 0: none. */
  readonly downloadedAt: number;
}

async function viewOf(tx: ReadTransaction, base: Base, table: string, key: RecordKey): Promise<RecordView> {
  const [head, rows] = await Promise.all([
    base.readHead(tx, table),
    rowsOf(tx, table, key),
    base.prefetch(tx, table, key),
  ]);
  const { downloadedAt } = head;
  const last = rows.at(-1);
  if (last !== undefined) {
    const held = await isMarked(tx, head, 'hold', key);
    const detail = detailOfRows(rows, await seqsInFlight(tx), held);
    return { text: last.text, key, detail, absenceKnown: true, downloadedAt };
  }
  const record = await base.readRecord(tx, head, key);
  if (record === null) {
    const alias = await tx.objectStore('aliases').get([table, key]);
    if (alias !== undefined) return viewOf(tx, base, table, alias.to);
  }
  const marked = record !== null && (await isMarked(tx, head, 'send', key));
  return {
    text: record?.text ?? null,
    key,
    detail: marked ? 'pending' : 'clean',
    absenceKnown: record !== null || (head.complete && head.whole),
    downloadedAt,
  };
}

/** Reads the view of one record, also by the temporary key that it had before the server made its own (U-08). */
export function readView(database: Database, base: Base, table: string, key: RecordKey): Promise<RecordView> {
  return untilUnmoved(() =>
    database.read(['aliases', 'heads', 'roots', 'segments', 'leaves', 'changes', 'members', 'marks'], (tx) =>
      viewOf(tx, base, table, key),
    ),
  );
}
