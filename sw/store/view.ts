import { type Base, untilUnmoved } from './base.ts';
import { detailOfRows, rowsOf, seqsInFlight } from './changes.ts';
import type { Database } from './database.ts';
import { isMarked } from './marks.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { StatusDetail } from '../protocol/status.ts';

/** A record as a read sees it: the last change if there is one, else the base. */
export interface RecordView {
  /** The record's JSON; null: there is none here. */
  readonly text: string | null;
  readonly detail: StatusDetail;
  /** Whether a missing record is known to be absent (invariant 13). */
  readonly absenceKnown: boolean;
  /** Milliseconds since 1970 of the table's last download; 0: none. */
  readonly downloadedAt: number;
}

/** Reads the view of one record. */
export function readView(database: Database, base: Base, table: string, key: RecordKey): Promise<RecordView> {
  return untilUnmoved(() =>
    database.read(['heads', 'roots', 'segments', 'leaves', 'changes', 'members', 'marks'], async (tx) => {
      const [head, rows] = await Promise.all([base.readHead(tx, table), rowsOf(tx, table, key)]);
      const { downloadedAt } = head;
      const last = rows.at(-1);
      if (last !== undefined) {
        const held = await isMarked(tx, head, 'hold', key);
        const detail = detailOfRows(rows, await seqsInFlight(tx), held);
        return { text: last.text, detail, absenceKnown: true, downloadedAt };
      }
      const record = await base.readRecord(tx, head, key);
      const marked = record !== null && (await isMarked(tx, head, 'send', key));
      return {
        text: record?.text ?? null,
        detail: marked ? 'pending' : 'clean',
        absenceKnown: record !== null || (head.complete && head.whole),
        downloadedAt,
      };
    }),
  );
}
